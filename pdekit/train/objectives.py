"""How the losses of the samples become one number: a mean of monotone functions; each sample keeps its minimiser.

Samples of very different scale make the plain mean care about the largest alone. The mean of logarithms weighs
every sample by its own size, and still adds up over the ranks.
"""

from collections.abc import Callable

import torch
from torch import Tensor

TINY = 1e-30  # below it a root has no slope that could be followed
SMALL = 1e-3  # where asinh goes over from a line to a logarithm

OBJECTIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda losses: losses,  # of arXiv:2007.12792
    "log": torch.log,  # for losses that stay above zero: an energy without sources
    # for squared residuals, which may come close to zero
    "root": lambda losses: losses.clamp(min=TINY).sqrt(),
    "asinh": lambda losses: torch.asinh(
        losses / SMALL
    ),  # a logarithm on both sides of zero: energies with sources
}
