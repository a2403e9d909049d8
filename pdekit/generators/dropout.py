"""Dropout whose mask depends on the sample, not on the rank that holds it or its place in a batch.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014); of whole channels: Tompson et al., arXiv:1411.4280.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pdekit import checks


class Dropout(nn.Module):
    """Drops whole channels of x (B, C, *), or single numbers (`channels=False`), with probability `p` while training.

    What is left is divided by 1 - p. A mask is drawn from the key and the sample that `see` has told, by
    counters (Philox) instead of a common stream: so it is the same on any number of ranks, in any batch, and in
    all evaluations of one step. A layer that is used twice in a forward drops the same both times.
    """

    def __init__(self, p: float, channels: bool = True) -> None:
        super().__init__()
        self.p, self.channels = checks.fraction("dropout", p), channels
        self._key: tuple[int, ...] = ()
        self._samples = np.zeros(0, dtype=int)

    def see(self, key: tuple[int, ...], samples: np.ndarray) -> None:
        """From now on sample b of a batch is the global sample `samples[b]`; other keys draw other masks."""
        self._key, self._samples = key, samples

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *). ValueError for a batch of other samples than `see` was told."""
        if not self.training or self.p == 0:
            return x
        if len(x) != len(self._samples):
            remedy = "keep the samples first; before a forward in training mode call remember(...)"
            raise checks.refuse("dropout", f"a batch of {len(self._samples)} samples", len(x), remedy)
        shape = x.shape[1:2] if self.channels else x.shape[1:]
        kept = torch.empty(len(x), shape.numel(), dtype=x.dtype)
        for row, sample in zip(kept.numpy(), self._samples.tolist(), strict=True):
            random = np.random.Generator(np.random.Philox(np.random.SeedSequence([*self._key, sample])))
            row[:] = random.random(len(row), dtype=np.float32) >= self.p
        return x * (kept / (1 - self.p)).view(-1, *shape, *(1,) * (x.dim() - 1 - len(shape)))

    def extra_repr(self) -> str:
        """What print(module) shows."""
        return f"p={self.p}, channels={self.channels}"


def dropouts(module: nn.Module) -> list[Dropout]:
    """The dropout layers in `module`."""
    return [m for m in module.modules() if isinstance(m, Dropout)]


def remember(layers: list[Dropout], key: tuple[int, ...], samples: np.ndarray) -> None:
    """Tell each of `layers` which global samples the next batch has; `key` is, for instance, (seed, step)."""
    for number, layer in enumerate(layers):
        layer.see((*key, number), samples)
