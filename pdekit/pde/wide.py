"""Linear maps between fields on a grid whose results look a few nodes far: arrays of weights, one for each offset.

`(A v)_p = sum over offsets o of A_(p, p + o) v_(p + o)`, with blocks of C_out x C_in where fields are vectors.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count, product
from typing import NamedTuple

import torch
from torch import Tensor

from pdekit.pde import points
from pdekit.pde.elements import cells, coordinates, element, gather, spacing, table, windows
from pdekit.pde.points import Points

Offset = tuple[int, ...]


class Wide(NamedTuple):
    """The map of each sample of a batch."""

    offsets: tuple[Offset, ...]
    weights: tuple[Tensor, ...]  # one for each offset: (B, C_out, C_in, *shape), zero where p + o is outside

    def product(self, v: Tensor) -> Tensor:
        """The map of many fields: v (B, F, C_in, *shape) -> (B, F, C_out, *shape)."""
        dim = len(self.offsets[0])
        batch, channels, _, *shape = self.weights[0].shape
        whole = v.new_zeros(batch, v.shape[1], channels, *shape)
        for offset, w in zip(self.offsets, self.weights, strict=True):
            here, there = reach(offset, shape[-dim:])
            for out, into in product(range(channels), range(v.shape[2])):
                whole[:, :, out, *here].addcmul_(w[:, out, into, *here].unsqueeze(1), v[:, :, into, *there])
        return whole

    def of(self, some: slice) -> "Wide":
        """The maps of some of the samples."""
        return self._replace(weights=tuple(w[some] for w in self.weights))


def reach(offset: Offset, shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The nodes p for which p + offset is on the grid, and these p + offset."""
    here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, shape, strict=True))
    there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, shape, strict=True))
    return here, there


def second_derivative(u: Tensor, given: Points) -> Wide:
    """The second derivative at u (B, *shape) or (B, C, *shape) of an energy summed over Gauss points, of any order."""
    shape, order = points.grid(u, given), given.order
    batch, nodal = len(u), u.detach().reshape(-1, *shape)
    to_points = table(spacing(shape), order, u.dtype)
    e = torch.matmul(to_points, gather(nodal, order))
    second = points.curvature(e, given.density, coordinates(shape, order, u.dtype), given.data)
    components = len(nodal) // max(1, batch)
    second = second.unflatten(1, (components, -1)).unflatten(3, (components, -1))  # (B, C, S, C, S, G, P)
    cell = element(spacing(shape), order)
    n, w = torch.from_numpy(cell.table).to(u.dtype), torch.from_numpy(cell.weights).to(u.dtype)
    matrices = torch.einsum("sgp,tgq,g,bcsdtgk->bcdpqk", n, n, w, second)
    found: dict[Offset, Tensor] = {}
    places = windows(shape, order)
    for (p, at), (q, to) in product(enumerate(cell.nodes), repeat=2):
        offset = tuple(b - a for a, b in zip(at, to, strict=True))
        if offset not in found:
            found[offset] = u.new_zeros(batch, components, components, *shape)
        of_pair = matrices[:, :, :, p, q].unflatten(-1, cells(shape, order))
        found[offset][:, :, :, *places[p]] += of_pair
    return Wide(tuple(found), tuple(found.values()))


@lru_cache(maxsize=32)
def colouring(offsets: tuple[Offset, ...]) -> tuple[Offset, int]:
    """The least m, and integers f, for which `f . o mod m` differs for all offsets o.

    Nodes p coloured by `f . p mod m` are then told apart: no result reads two of one colour (Curtis, Powell and Reid
    1974, IMA J. Appl. Math. 13).
    """
    for m in count(len(offsets)):
        for f in product(range(m), repeat=len(offsets[0])):
            if len({sum(a * b for a, b in zip(f, o, strict=True)) % m for o in offsets}) == len(offsets):
                return f, m
    raise AssertionError("unreachable: a colour for each offset does")


def derivative(results: Tensor, at: Tensor, offsets: tuple[Offset, ...]) -> Wide:
    """The derivative of `results` (B, C_out, *shape) in `at` (B, C_in, *shape), of which it is made, as a map.

    One backward pass for each colour and channel: as many as a result has offsets, whatever the size of the grid.
    """
    shape, channels = tuple(results.shape[2:]), results.shape[1]
    form, colours = colouring(offsets)
    axes = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
    colour = sum(f * axis for f, axis in zip(form, axes, strict=True)) % colours
    seeds = (colour == torch.arange(colours).view(-1, *(1,) * len(shape))).to(results.dtype)
    whole = []  # for each channel of the results (colours, B, C_in, *shape)
    for channel in results.unbind(dim=1):
        many = seeds.unsqueeze(1).expand(-1, *channel.shape)
        whole += torch.autograd.grad(channel, at, many, is_grads_batched=True, retain_graph=True)
    found = []
    for offset in offsets:
        here, there = reach(offset, shape)
        weights = results.new_zeros(len(results), channels, at.shape[1], *shape)
        which = colour[here]
        for c, one in enumerate(whole):
            picked = one[:, :, :, *there]
            weights[:, c, :, *here] = picked.gather(0, which.expand(1, *picked.shape[1:]))[0]
        found.append(weights)
    return Wide(offsets, tuple(found))


def offsets(results: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Offset, ...]:
    """Which nodes p + o the results at p read, found at random values: the map takes `at` (B, C_in, *shape).

    Nodes near the faces and in the middle are tried, each in all samples of the batch: a formula that reads other
    nodes where a value changes its sign shows most of its ways in a few tries.
    """
    shape = tuple(at.shape[2:])
    near = 5  # one-sided differences at a face read no further
    places = [sorted({*range(min(near, n)), n // 2, *range(max(0, n - near), n)}) for n in shape]
    at = at.detach().requires_grad_()
    with torch.enable_grad():
        of_all = results(at).sum(dim=(0, 1))
        each = {p: of_all[p] for p in product(*places)}
    found: set[Offset] = set()
    for p, r in each.items():
        (slope,) = torch.autograd.grad(r, at, retain_graph=True)
        read = (slope != 0).any(dim=0).any(dim=0).nonzero()
        found |= {tuple(int(b) - a for a, b in zip(p, q, strict=True)) for q in read}
    return tuple(sorted(found))
