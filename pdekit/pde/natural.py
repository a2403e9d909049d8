"""What drives u from outside, as a quadratic energy: `- int f u` inside, `1/2 int alpha u^2 - int flux u` on faces."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pdekit.pde import formula, stencil
from pdekit.pde.conditions import Neumann, Robin, component
from pdekit.pde.elements import element, gather, scatter, spacing
from pdekit.pde.faces import Faces
from pdekit.pde.stencil import Quadratic, directions

Source = formula.Value | tuple[formula.Value, ...]


@lru_cache(maxsize=16)
def quadratic(
    faces: Faces, source: Source, shape: tuple[int, ...], components: int, order: int, dtype: torch.dtype
) -> Quadratic | None:
    """The energy of the source and of all Neumann and Robin faces, for one sample (B = 1); None where there is none.

    f, alpha and flux are interpolated between their nodes as u is, and integrated by Gauss points. A flux
    needs order 1.
    """
    load = torch.zeros(components, *shape, dtype=torch.float64)
    for c in range(components):
        load[c] = _load(torch.tensor(formula.on_nodes(component(source, c, components), shape)), order)
    if faces.homogeneous:
        b = (load if components > 1 else load[0]).to(dtype)[None]
        return Quadratic((), None, b) if b.any() else None
    lead = (1,) if components == 1 else (1, components, components)
    edges = [
        torch.zeros(*lead, *(n - abs(k) for n, k in zip(shape, d, strict=True)), dtype=torch.float64)
        for d in directions(len(shape))
    ]
    diagonal = torch.zeros(*lead, *shape, dtype=torch.float64)
    for axis, end, one in faces.items(len(shape)):
        if not isinstance(one, (Neumann, Robin)):
            continue
        place: list[int | slice] = [slice(None)] * len(shape)
        place[axis] = end
        for c in range(components):
            block = (0,) if components == 1 else (0, c, c)
            alpha = formula.on_nodes(getattr(one, "alpha", 0.0), shape)[tuple(place)]
            flux = formula.on_nodes(component(one.flux, c, components), shape)[tuple(place)]
            of_face, of_nodes, b = _face(torch.tensor(alpha), torch.tensor(flux))
            load[(c, *place)] += b
            diagonal[(*block, *place)] += of_nodes
            for w, direction in zip(of_face, directions(len(shape) - 1), strict=True):
                normal = len(shape) + axis
                whole = (*direction[:normal], 0, *direction[normal:])
                edges[directions(len(shape)).index(whole)][(*block, *place)] += w
    return Quadratic(
        tuple(w.to(dtype) for w in edges),
        diagonal.to(dtype),
        (load if components > 1 else load[0]).to(dtype)[None],
    )


def _load(f: Tensor, order: int) -> Tensor:
    """`int f N_p` for every node p: (*shape) -> (*shape)."""
    shape = tuple(f.shape)
    cell = element(spacing(shape), order)
    value = torch.tensor(cell.table[0])  # (G, nodes)
    at_points = torch.matmul(value, gather(f[None], order))
    test = value.T * torch.tensor(cell.weights)
    return scatter(torch.matmul(test, at_points), shape, order)[0]


def _face(alpha: Tensor, flux: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """Edge weights, row sums and load of nodal alpha and flux (*face), a point in one dimension."""
    shape = tuple(alpha.shape)
    if not shape:
        return (), alpha, flux
    cell = element(spacing(shape))
    value = cell.table[0]  # (G, nodes)
    alpha_g = torch.tensor(value) @ gather(alpha[None])
    flux_g = torch.tensor(value) @ gather(flux[None])
    mass = np.stack([-cell.weights * value[:, p] * value[:, q] for p, q in stencil.pairs(len(shape))])
    of_pairs = (torch.tensor(mass) @ alpha_g).unflatten(-1, tuple(n - 1 for n in shape))
    test = torch.tensor(cell.weights[:, None] * value).T.contiguous()  # (nodes, G)
    of_edges = stencil.assemble(of_pairs, shape)
    return tuple(w[0] for w in of_edges), scatter(test @ alpha_g, shape)[0], scatter(test @ flux_g, shape)[0]
