"""Random arguments to try out a user's function with.

All numbers of points, samples and axes differ, so that a sum over the wrong axis shows.
"""

from typing import Any

import torch
from torch import Tensor

from pdekit.pde.code import ARGUMENTS
from pdekit.pde.differences import Differences

SAMPLES, CELLS = 5, 7
GRIDS = {2: (8, 6), 3: (7, 8, 6)}
Arguments = dict[str, Any]


def arguments(
    kind: str, dim: int, components: int, positive: bool, dtype: torch.dtype = torch.float64
) -> Arguments:
    """Random arguments of such a function, by name; u and grad_u can be differentiated by."""
    random = torch.Generator().manual_seed(0)
    lead = (components,) if components > 1 else ()
    grid = GRIDS[dim] if kind == "strong" else (2**dim, CELLS)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    def places() -> Tensor:
        return torch.rand(dim, *grid, generator=random, dtype=torch.float64).to(dtype)

    c = drawn(SAMPLES, *grid)
    makers = {
        "u": lambda: drawn(*lead, SAMPLES, *grid).requires_grad_(),
        "grad_u": lambda: drawn(*lead, dim, SAMPLES, *grid).requires_grad_(),
        "v": lambda: drawn(*lead, SAMPLES, *grid),
        "grad_v": lambda: drawn(*lead, dim, SAMPLES, *grid),
        "x": places,
        "c": lambda: c.exp() if positive else c,
        "d": lambda: Differences(dim),
    }
    return {name: makers[name]() for name in ARGUMENTS[kind][1]}


def at_rest(name: str, one: Any) -> Any:
    """u = 0, where a network may start."""
    return torch.zeros_like(one).requires_grad_() if name in ("u", "grad_u") else one
