"""Which grid is trained on when: one generator through a hierarchy of resolutions (arXiv:2104.14538, section 3)."""

from collections.abc import Callable

COARSEST = 32  # nodes along a side of a square below which a coarse grid teaches little
COARSEST_CUBE = 16


def _v(finest: int) -> list[int]:
    return [*range(finest, 0, -1), *range(finest + 1)]


def _gamma(level: int, recurse: Callable[[int], list[int]]) -> list[int]:
    """Down to the next coarser grid, two visits there, and back up."""
    return [level, *recurse(level - 1), *recurse(level - 1)[1:], level]


def _w(finest: int) -> list[int]:
    return _gamma(finest, _w) if finest else [0]


def _f(finest: int) -> list[int]:
    """An F-cycle visits the next coarser grid by an F-cycle, then by a V-cycle."""
    return [finest, *_f(finest - 1), *_v(finest - 1)[1:], finest] if finest else [0]


CYCLES: dict[str, Callable[[int], list[int]]] = {
    "single": lambda finest: [finest],
    "coarse-to-fine": lambda finest: list(range(finest + 1)),
    "half-v": lambda finest: list(range(finest + 1)),  # the paper's name for it
    "v": _v,
    "w": _w,
    "f": _f,
}
"""The levels in the order of their visits, 0 the coarsest, of a hierarchy that ends with `finest`."""


def hierarchy(resolution: int, dim: int, fits: Callable[[int], bool]) -> list[int]:
    """The problem's resolution and its halves, coarsest first, while they fit; an odd grid keeps every second node."""
    resolutions = [resolution]
    least = COARSEST_CUBE if dim == 3 else COARSEST
    while (half := (resolutions[0] + 1) // 2) >= least and fits(half):
        resolutions.insert(0, half)
    return resolutions


def plan(
    cycle: str, resolution: int, steps: int, dim: int, fits: Callable[[int], bool]
) -> tuple[tuple[int, int], ...]:
    """The visits in order, each as (resolution, number of its last step): each gets the same share of the work."""
    grids = hierarchy(resolution, dim, fits)
    visits = [grids[level] for level in CYCLES[cycle](len(grids) - 1)]
    share = [1 / n**dim for n in visits]
    ends = [round(steps * sum(share[: k + 1]) / sum(share)) for k in range(len(visits))]
    ends[:-1] = [min(end, steps - 1) for end in ends[:-1]]  # the last grid is always reached
    return tuple(zip(visits, ends, strict=True))
