"""Sums over a span of local functions `phi_kj = v_k h_j`, v_k fields on the grid and h_j the hats of a partition."""

import math

import torch
from torch import Tensor

from pdekit.pde.blocks import Blocks, solve
from pdekit.pde.partition import Partition
from pdekit.pde.stencil import Quadratic, directions, ends

AT_ONCE = 2**18  # values of local functions held at a time: they stay in the cache


def combine(functions: Tensor, hats: Partition, a: Tensor) -> Tensor:
    """`sum a_kj phi_kj`: functions (B, K, C, *shape), a (B, K, *hats) -> (B, C, *shape)."""
    for one in hats.values:  # (hats, nodes) along each axis: each product puts its axis last
        a = torch.tensordot(a, one, dims=([2], [0]))
    return (functions * a.unsqueeze(2)).sum(dim=1)


def moments(functions: Tensor, hats: Partition, slope: Tensor) -> Tensor:
    """`- sum over nodes of slope phi_kj`: slope (B, *u_shape) -> (B, K, *hats)."""
    whole = (functions * slope.view(len(slope), 1, *functions.shape[2:])).sum(dim=2)
    for one in hats.values:
        whole = torch.tensordot(whole, one, dims=([2], [1]))
    return -whole


def best(functions: Tensor, hats: Partition, quadratic: Quadratic, slope: Tensor) -> Tensor:
    """Coefficients a (B, K, *hats) of the least `1/2 a^T A a + slope^T phi a` with A = `gram`."""
    rhs = moments(functions, hats, slope).double()
    rows = rhs.unflatten(2, (hats.rows, -1)).transpose(
        1, 2
    )  # (B, rows, K, in a row, *hats of the other axes)
    a = solve(gram(functions, hats, quadratic), rows.flatten(2))
    return a.view(rows.shape).transpose(1, 2).reshape(rhs.shape).to(functions.dtype)


def gram(functions: Tensor, hats: Partition, quadratic: Quadratic) -> Blocks:
    """`phi^T K phi` of all local functions, from products on the cells of the partition.

    A local function lives on few cells: each cell of the partition gets the products of the 2^d K functions that are
    not zero in it, over the edges of the grid that are its own. Hats of rows that are not neighbours never meet, so
    that the matrix is block tridiagonal; numbered by row, then k, then the place in the row.
    """
    batch, basis = functions.shape[:2]
    size, rows = basis * math.prod(hats.shape) // hats.rows, hats.rows
    flat = hats.places(basis)
    whole = torch.zeros(batch, 2 * rows * size**2, dtype=torch.float64)
    at_once = max(1, AT_ONCE // max(1, functions[:1].numel() * 2 ** len(hats.shape)))
    for start in range(0, batch, at_once):
        some = slice(start, start + at_once)
        whole[some].index_add_(1, flat, _local(functions[some], hats, quadratic, some).flatten(1).double())
    whole = whole.view(batch, 2 * rows, size, size)
    return Blocks(whole[:, :rows], whole[:, rows : 2 * rows - 1])


def _local(functions: Tensor, hats: Partition, quadratic: Quadratic, some: slice) -> Tensor:
    """The products of the functions of each cell of the partition: (B, cells, F, F), F = K 2^d."""
    windows = hats.window(functions)  # (B, cells, K, C, *window)
    phi = windows.unsqueeze(3) * hats.local.unsqueeze(1).unsqueeze(3)  # hats.local (cells, 2^d, *window)
    phi = phi.flatten(2, 3)  # (B, cells, F, C, *window)
    lead, dim = phi.shape[:3], len(hats.shape)

    def product_of(left: Tensor, right: Tensor) -> Tensor:
        return torch.matmul(left.reshape(*lead, -1), right.reshape(*lead, -1).transpose(-1, -2))

    def of_batch(array: Tensor) -> Tensor:
        return array[some] if len(array) > 1 else array

    total = phi.new_zeros(*lead, lead[2])
    block = quadratic.edges[0].dim() > dim + 1
    for direction, edges in zip(directions(dim), quadratic.edges, strict=True):
        w = hats.edge_window(of_batch(edges), direction)  # (B, cells, [C, C,] *edges of the window)
        first, second = ends(phi, direction)
        jump = second - first
        if block:
            w = w.unsqueeze(2)  # (B, cells, 1, C, C, *edges)
            total += product_of(second, (w * jump.unsqueeze(4)).sum(dim=3))
            total -= product_of(first, (w * jump.unsqueeze(3)).sum(dim=4))
        else:
            total += product_of(jump, w[:, :, None, None] * jump)
    if quadratic.diagonal is not None:
        own = hats.edge_window(of_batch(quadratic.diagonal), (0,) * dim)
        if block:
            total += product_of(phi, (own.unsqueeze(2) * phi.unsqueeze(3)).sum(dim=4))
        else:
            total += product_of(phi, own[:, :, None, None] * phi)
    return total
