"""Muon: momentum whose matrices are made orthogonal (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

As in `torch.optim.Muon`, with the scale of Liu et al. (2025, arXiv:2502.16982, equation 4), under which one rate suits
both the matrices and AdamW. Not torch's own class: that computes in bfloat16, and is not in every torch we support.
"""

import torch
from torch import Tensor

from pdekit.optim.first_order import FirstOrder, OfTorch
from pdekit.optim.layers import Split, layers
from pdekit.optim.outcome import Dot, State

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's, steepest at zero
RMS = 0.2  # of an update's entries, as AdamW has them
REST = "rest."


class Muon(FirstOrder):
    """Weights but the last, as matrices (outputs, inputs x places), by Muon; all the rest by AdamW."""

    def __init__(
        self, x: Tensor, dot: Dot, split: Split, momentum: float, iterations: int, decay: float
    ) -> None:
        super().__init__(x, dot)
        self.split, self.momentum, self.iterations, self.decay = split, momentum, iterations, decay
        weights = [k for k, one in enumerate(split(x)) if one.dim() > 1]
        self.matrices = set(weights[:-1])
        self.small = OfTorch(self._rest(x), torch.optim.AdamW, weight_decay=decay)

    def update(self, gradient: Tensor, rate: float) -> None:
        """b = lerp(b, g, 1 - momentum), W = (1 - rate decay) W - 0.2 sqrt(max(m, n)) rate orthogonal(lerp(g, b))."""
        of = zip(*(layers(self.split, one) for one in (self.x, gradient, self.average("b"))), strict=True)
        for k, (w, g, b) in enumerate(of):
            if k in self.matrices:
                b.lerp_(g, 1 - self.momentum)
                matrix = g.lerp(b, self.momentum).flatten(1)
                scale = RMS * max(matrix.shape) ** 0.5
                w.mul_(1 - rate * self.decay)
                w.sub_(orthogonal(matrix, self.iterations).view(w.shape), alpha=rate * scale)
        self.small.x.copy_(self._rest(self.x))
        self.small.update(self._rest(gradient), rate)
        rest = [one for k, one in enumerate(self.split(self.x)) if k not in self.matrices]
        for one, moved in zip(rest, self.small.x.split([one.numel() for one in rest]), strict=True):
            one.copy_(moved.view(one.shape))

    def state(self) -> State:
        """The matrices' momentum, and AdamW's averages, which are shorter than x."""
        vectors, numbers = self.small.state()
        return self.averages | {REST + name: one for name, one in vectors.items()}, numbers

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.averages = {name: one for name, one in vectors.items() if not name.startswith(REST)}
        rest = {name.removeprefix(REST): one for name, one in vectors.items() if name.startswith(REST)}
        self.small.load(rest, numbers)

    def _rest(self, vector: Tensor) -> Tensor:
        """A copy of what AdamW moves, in one vector."""
        parts = [one.reshape(-1) for k, one in enumerate(self.split(vector)) if k not in self.matrices]
        return torch.cat(parts)


def orthogonal(matrix: Tensor, iterations: int) -> Tensor:
    """About U V^T of the matrix U S V^T: Newton and Schulz's iteration with a quintic polynomial, S near 1 after it."""
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = X / torch.linalg.matrix_norm(X).clamp(min=1e-7)
    for _ in range(iterations):
        gram = X @ X.T
        X = torch.addmm(X, torch.addmm(gram, gram, gram, beta=b, alpha=c), X, beta=a)
    return X.T if tall else X
