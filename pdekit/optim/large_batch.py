"""LARS and LAMB: first-order methods for large batches, in which each layer moves in proportion to its own length.

Biases and the weights of norms (parameters with one axis) move as in the method without layers, as in the authors'
codes. A layer that is zero would never move: the length is at least `least`, the lower bound of phi in LAMB's paper.
"""

from torch import Tensor
from torch.linalg import vector_norm

from pdekit.optim.first_order import FirstOrder
from pdekit.optim.layers import Split, layers
from pdekit.optim.outcome import Dot


class LARS(FirstOrder):
    """SGD with momentum, layer by layer (You, Gitman and Ginsburg 2017, arXiv:1708.03888, algorithm 1)."""

    def __init__(
        self, x: Tensor, dot: Dot, split: Split, momentum: float, decay: float, trust: float, least: float
    ) -> None:
        super().__init__(x, dot)
        self.split, self.momentum, self.decay, self.trust, self.least = split, momentum, decay, trust, least

    def update(self, gradient: Tensor, rate: float) -> None:
        """v = momentum v + rate ratio (g + decay w), w = w - v; ratio = trust |w| / (|g| + decay |w|)."""
        views = (layers(self.split, of) for of in (self.x, gradient, self.average("velocity")))
        for w, g, v in zip(*views, strict=True):
            v.mul_(self.momentum)
            if w.dim() == 1:
                v.add_(g, alpha=rate)
            else:
                length = float(vector_norm(w))
                slope = float(vector_norm(g)) + self.decay * length
                ratio = self.trust * max(length, self.least) / slope if slope else 0.0
                v.add_(g + self.decay * w, alpha=rate * ratio)
            w.sub_(v)


class LAMB(FirstOrder):
    """AdamW, layer by layer (You et al. 2019, arXiv:1904.00962, algorithm 2)."""

    def __init__(
        self,
        x: Tensor,
        dot: Dot,
        split: Split,
        betas: tuple[float, float],
        eps: float,
        decay: float,
        least: float,
    ) -> None:
        super().__init__(x, dot)
        self.split, self.betas, self.eps, self.decay, self.least = split, betas, eps, decay, least

    def update(self, gradient: Tensor, rate: float) -> None:
        """w = w - rate |w| / |u| u, u = m / (sqrt(v) + eps) + decay w; m, v are Adam's, without their bias."""
        (beta1, beta2), m, v = self.betas, self.average("m"), self.average("v")
        m.lerp_(gradient, 1 - beta1)
        v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (v / (1 - beta2**self.taken)).sqrt_().add_(self.eps)
        adam = (m / (1 - beta1**self.taken)).div_(root)
        for w, u in zip(layers(self.split, self.x), layers(self.split, adam), strict=True):
            ratio = 1.0
            if w.dim() > 1:
                u.add_(w, alpha=self.decay)
                length, stride = float(vector_norm(w)), float(vector_norm(u))
                ratio = max(length, self.least) / stride if stride else 0.0
            w.sub_(u, alpha=rate * ratio)
