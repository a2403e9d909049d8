"""A generator of the user's own: any `nn.Module` with the right shapes, made by an ordinary Python function.

The recipe holds the function's text, so that an experiment is still one line that reads back, and an engine
needs nothing but that line. To build it is to run its text.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from pdekit import checks, launched
from pdekit.code import Signature
from pdekit.generators.adapt import adapted
from pdekit.generators.generator import Generator, NormLayer

NAMES = {"torch": torch, "nn": nn, "functional": functional, "F": functional, "math": math}
BUILD = Signature("network", "build", ("channels", "outputs", "dim"), NAMES)


@dataclass(frozen=True)
class Network(Generator):
    """A network of your own: `def build(channels, outputs, dim): ... return module`, a function made by `def`.

    It returns an `nn.Module` (B, channels, *grid) -> (B, outputs, *grid) for grids of `dim` axes, with sides of at
    least `least` nodes. It knows torch, nn, functional (or F) and math; classes may be defined inside it, and what
    every engine has installed be imported there. Each batch norm in it is computed over the samples of all
    ranks, and each dropout drops by samples: torch's layers are replaced, and a warning names the batch norms. It
    starts as it was made, not as the function zero. An experiment tries it out before any training: ValueError for
    wrong shapes, numbers that are not finite, parameters that get no gradient, samples that see each other.
    """

    code: str | Callable
    least: int = 1

    runs_code: ClassVar[bool] = True  # to try it out is to run its text
    hint: ClassVar[str] = "give another least="

    def __post_init__(self) -> None:
        checks.settle(self, code=BUILD.source(self.code), least=checks.whole("least", self.least))

    def try_out(self, channels: int, outputs: int, shapes: tuple[tuple[int, ...], ...]) -> None:
        """ValueError if it cannot be trained on grids of `shapes`; a warning that names its batch norms."""
        from pdekit.generators.trial import tried

        norms = tried(self.code, channels, outputs, shapes)
        if norms and launched.rank() == 0:
            message = f"Network: its batch norms ({', '.join(norms)}) are replaced by those over all ranks"
            warnings.warn(message, stacklevel=4)  # shows the line that makes the experiment

    def build(
        self, norm_layer: NormLayer, channels: int = 1, outputs: int = 1, dim: int = 2, zero: bool = True
    ) -> nn.Module:
        """The module that the function returns, its batch norms made by `norm_layer(channels)`."""
        module = BUILD.call(self.code, channels, outputs, dim)
        if not isinstance(module, nn.Module):
            raise checks.refuse("network", "an nn.Module", module, "return the module itself")
        return adapted(module, norm_layer)[0]
