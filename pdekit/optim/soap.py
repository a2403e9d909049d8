"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321, algorithm 3).

A convolution's weight is a tensor (outputs, inputs, places in the kernel): its first two axes are rotated, as in
Shampoo for tensors (Gupta, Koren and Singer 2018, arXiv:1802.09568, algorithm 2), its places are not.

The bases start as the unit vectors, and the Gram matrices are damped. Eigenvectors of one that is not of full rank, or
has equal eigenvalues, are as rounding has it: they, and the losses, would depend on the number of ranks.
"""

import torch
from torch import Tensor

from pdekit.optim.first_order import FirstOrder
from pdekit.optim.layers import Split, layers
from pdekit.optim.outcome import Dot

DAMPING = 1e-3  # of a Gram matrix, in units of its mean eigenvalue
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
        for (k, axis), size in self.sides.items():
            self.averages[f"{SIDES[axis][0]}{k}.gram"] = x.new_zeros(size, size)
            self.averages[f"{SIDES[axis][0]}{k}.basis"] = torch.eye(size, dtype=x.dtype)

    def update(self, gradient: Tensor, rate: float) -> None:
        """Adam on rotated gradients, its momentum kept unrotated; then the bases follow."""
        (beta1, beta2), m, v = self.betas, self.average("m"), self.average("v")
        m.lerp_(gradient, 1 - beta1)
        self.x.mul_(1 - rate * self.decay)
        views = (layers(self.split, of) for of in (self.x, gradient, m, v))
        for k, (w, g, mean, square) in enumerate(zip(*views, strict=True)):
            rotated = self._rotate(k, g)
            square.mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
            root = (square / (1 - beta2**self.taken)).sqrt_().add_(self.eps)
            step = self._rotate(k, mean) / root
            w.sub_(self._rotate(k, step, back=True), alpha=rate / (1 - beta1**self.taken))
        self._follow(layers(self.split, gradient))

    def _follow(self, gradients: list[Tensor]) -> None:
        """Average Gram matrices; now and then turn the bases to their eigenvectors, by one iteration (algorithm 4)."""
        for (k, axis), size in self.sides.items():
            letter, product = SIDES[axis]
            gram = self.averages[f"{letter}{k}.gram"]
            gram.lerp_(torch.einsum(product, gradients[k], gradients[k]), 1 - self.betas[1])
            if (self.taken - 1) % self.every == 0:
                basis = self.averages[f"{letter}{k}.basis"]
                turned = torch.addmm(basis, gram, basis, beta=float(gram.trace()) * DAMPING / size)
                self.averages[f"{letter}{k}.basis"] = torch.linalg.qr(turned)[0].contiguous()

    def _rotate(self, k: int, tensor: Tensor, back: bool = False) -> Tensor:
        """Layer k's `tensor` into its bases or back: Q_o^T G Q_i at each place of the kernel."""
        for axis, (letter, _) in enumerate(SIDES):
            if (k, axis) in self.sides:
                basis = self.averages[f"{letter}{k}.basis"]
                tensor = torch.tensordot(basis, tensor, dims=([1 if back else 0], [axis])).movedim(0, axis)
        return tensor
