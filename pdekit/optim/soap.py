"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321, algorithm 3).

A convolution's weight is a tensor (outputs, inputs, places in the kernel): its first two axes are rotated, as in
Shampoo for tensors (Gupta, Koren and Singer 2018, arXiv:1802.09568, algorithm 2), its places are not.
"""

import torch
from torch import Tensor

from pdekit.optim.first_order import FirstOrder
from pdekit.optim.layers import Split, layers
from pdekit.optim.outcome import Dot

SIDES = (("o", "oip,qip->oq"), ("i", "oip,ojp->ij"))  # an axis of G, and its Gram matrix


class SOAP(FirstOrder):
    """With preconditioners for the axes of weights that have at most `largest` entries; the rest is AdamW."""

    def __init__(
        self,
        x: Tensor,
        dot: Dot,
        split: Split,
        betas: tuple[float, float],
        eps: float,
        decay: float,
        every: int,
        largest: int,
    ) -> None:
        super().__init__(x, dot)
        self.split, self.betas, self.eps, self.decay = split, betas, eps, decay
        self.every, self.largest = every, largest
        self.sides = {  # what has a preconditioner: (layer, axis)
            (k, axis): one.shape[axis]
            for k, one in enumerate(layers(split, x))
            for axis in range(2)
            if one.dim() > 1 and one.shape[axis] <= largest
        }

    def update(self, gradient: Tensor, rate: float) -> None:
        """Adam on rotated gradients, its momentum kept unrotated; then the bases follow.

        The first gradient makes the bases and no step, so that none is rotated by a basis of its own.
        """
        if self.taken > 1:
            self._move(gradient, rate)
        self._follow(gradient)

    def _move(self, gradient: Tensor, rate: float) -> None:
        (beta1, beta2), m, v = self.betas, self.average("m"), self.average("v")
        m.lerp_(gradient, 1 - beta1)
        count = self.taken - 1
        self.x.mul_(1 - rate * self.decay)
        views = (layers(self.split, of) for of in (self.x, gradient, m, v))
        for k, (w, g, mean, square) in enumerate(zip(*views, strict=True)):
            rotated = self._rotate(k, g)
            square.mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
            root = (square / (1 - beta2**count)).sqrt_().add_(self.eps)
            step = self._rotate(k, mean).div_(root)
            w.sub_(self._rotate(k, step, back=True), alpha=rate / (1 - beta1**count))

    def _follow(self, gradient: Tensor) -> None:
        """The Gram matrices' averages; every so often their eigenvectors, by one orthogonal iteration (algorithm 4)."""
        parts = layers(self.split, gradient)
        for (k, axis), size in self.sides.items():
            letter, product = SIDES[axis]
            gram = self.averages.setdefault(f"{letter}{k}.gram", self.x.new_zeros(size, size))
            gram.lerp_(torch.einsum(product, parts[k], parts[k]), 1 - self.betas[1])
            if self.taken == 1:
                self.averages[f"{letter}{k}.basis"] = torch.linalg.eigh(gram)[1].flip(1).contiguous()
            elif (self.taken - 1) % self.every == 0:
                basis = self.averages[f"{letter}{k}.basis"]
                self.averages[f"{letter}{k}.basis"] = torch.linalg.qr(gram @ basis)[0].contiguous()

    def _rotate(self, k: int, tensor: Tensor, back: bool = False) -> Tensor:
        """Layer k's `tensor` into its bases or back: Q_o^T G Q_i at each place of the kernel; a copy."""
        for axis, (letter, _) in enumerate(SIDES):
            if (k, axis) in self.sides:
                basis = self.averages[f"{letter}{k}.basis"]
                tensor = torch.tensordot(basis, tensor, dims=([1 if back else 0], [axis])).movedim(0, axis)
        return tensor.clone()
