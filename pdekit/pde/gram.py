"""Sums over a span of local functions `phi_kj = v_k h_j`, v_k fields on the grid and h_j the hats of a partition."""

import torch
from torch import Tensor

from pdekit.pde.banded import solve
from pdekit.pde.partition import Partition, places
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
    batch, basis = rhs.shape[:2]
    a = solve(gram(functions, hats, quadratic), rhs.flatten(2).mT.reshape(batch, -1))
    return a.view(batch, -1, basis).mT.reshape(rhs.shape).to(functions.dtype)


def gram(functions: Tensor, hats: Partition, quadratic: Quadratic) -> Tensor:
    """`phi^T K phi` of all local functions, from products on the cells of the partition: bands, see `banded.solve`.

    A local function lives on few cells: each cell of the partition gets the products of the 2^d K functions that are
    not zero in it, over the edges of the grid that are its own. Numbered by hat, then k, the matrix is banded.
    """
    batch, basis = functions.shape[:2]
    n, width, flat = places(hats, basis)
    bands = torch.zeros(batch, n * width + 1, dtype=torch.float64)
    at_once = max(1, AT_ONCE // max(1, functions[:1].numel() * 2 ** len(hats.shape)))
    for start in range(0, batch, at_once):
        some = slice(start, start + at_once)
        bands[some].index_add_(1, flat, _local(functions[some], hats, quadratic, some).flatten(1).double())
    return bands[:, :-1].unflatten(1, (n, width))


def _local(functions: Tensor, hats: Partition, quadratic: Quadratic, some: slice) -> Tensor:
    """The products of the functions of each cell of the partition: (B, cells, F, F), F = K 2^d."""
    windows = hats.window(functions)  # (B, cells, K, C, *window)
    phi = windows.unsqueeze(3) * hats.local.unsqueeze(1).unsqueeze(3)  # hats.local (cells, 2^d, *window)
    phi = phi.flatten(2, 3)  # (B, cells, F, C, *window)
    dim = len(hats.shape)
    block = quadratic.edges[0].dim() > dim + 1
    cells = phi.shape[:3]  # B, cells, F
    total = phi.new_zeros(cells[0] * cells[1], cells[2], cells[2])

    def weights(array: Tensor, direction: tuple[int, ...]) -> Tensor:
        array = array[some] if len(array) > 1 else array
        return hats.edge_window(array, direction).unsqueeze(2)  # (B, cells, 1, [C, C,] *edges of the window)

    def add(left: Tensor, right: Tensor, sign: int = 1) -> None:
        left, right = (one.reshape(len(total), cells[2], -1) for one in (left, right))
        total.baddbmm_(left, right.mT, alpha=sign)

    for direction, edges in zip(directions(dim), quadratic.edges, strict=True):
        w = weights(edges, direction)
        first, second = ends(phi, direction)
        jump = second - first
        if block:
            add(second, (w * jump.unsqueeze(4)).sum(dim=3))
            add(first, (w * jump.unsqueeze(3)).sum(dim=4), -1)
        else:
            add(jump, w.unsqueeze(3) * jump)
    if quadratic.diagonal is not None:
        own = weights(quadratic.diagonal, (0,) * dim)
        add(phi, (own * phi.unsqueeze(3)).sum(dim=4) if block else own.unsqueeze(3) * phi)
    return total.view(*cells, cells[2])
