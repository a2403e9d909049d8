"""Convolutions three nodes wide of fields from a grid half as fine, without ever making these finer.

To repeat each node of x along each axis and then to convolve is one transposed convolution of x, four nodes wide and
with stride 2: where a stencil meets a node of x twice, its weights are added up beforehand (compare Shi et al.,
arXiv:1609.07009). The same function, but in 2D for 4 instead of 9 products a node and pair of channels, in 3D for 8
instead of 27, and backward likewise; and neither the finer x is kept for backward, nor what it would be put into.
"""

from functools import cache, reduce

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}


class OfUpsampled(nn.Module):
    """What `convolution` is to x made twice as fine, its nodes repeated: (B, C_in, *grid) -> (B, C_out, *2 grid)."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C_in, *grid)."""
        return convolve_upsampled(x, self.weight, self.bias)


class OfBoth(OfUpsampled):
    """What `convolution` is to a field and, behind it in the order of channels, x made twice as fine.

    (B, C_in - C, *2 grid) and (B, C, *grid) -> (B, C_out, *2 grid).
    """

    def forward(self, fields: tuple[Tensor, Tensor]) -> Tensor:
        """The field and x."""
        field, x = fields
        of_field, of_x = self.weight.split([field.shape[1], x.shape[1]], dim=1)
        y = CONVOLVE[x.dim() - 2](field, of_field, self.bias, padding=1)
        return y.add_(convolve_upsampled(x, of_x))


def convolve_upsampled(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (B, C_in, *grid), weight (C_out, C_in, 3, ...) -> (B, C_out, *2 grid)."""
    dim = x.dim() - 2
    stencils = weight.flatten(2).permute(1, 2, 0).contiguous()  # (C_in, 3^d, C_out)
    kernel = weight.new_tensor(_repeated(dim)) @ stencils
    kernel = kernel.unflatten(1, [4] * dim).movedim(-1, 1)
    if x.is_contiguous():
        kernel = kernel.contiguous()  # or convolutions would take x for one with channels last
    return TRANSPOSED[dim](x, kernel, bias, stride=2, padding=1)


@cache
def _repeated(dim: int) -> np.ndarray:
    """(4^d, 3^d): which weights of a stencil meet the same node of x."""
    axis = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return reduce(np.kron, [axis] * dim)
