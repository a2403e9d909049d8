"""First arrival times, `|grad T| = slowness`, by fast sweeping on a finer grid."""

import numpy as np
from scipy.ndimage import map_coordinates

from pdekit import checks
from pdekit.pde.reference.elliptic import coefficient

FAR = 1e30  # "not reached yet"; its square is still finite
STRAIGHT = 0.05  # radius around a point source where rays are taken as straight
TOLERANCE = 1e-10
ROUNDS = 100


def _upwind(time: np.ndarray, at: np.ndarray, stride: int, second: bool) -> tuple[np.ndarray, ...]:
    """Along one axis: the earlier neighbour's time, and foot a, weight w of `h dT/dx = sqrt(w) (T - a)`."""
    minus, plus = time[at - stride], time[at + stride]
    near = np.minimum(minus, plus)
    if not second:
        return near, near, np.ones_like(near)
    beyond = time[np.where(minus <= plus, at - 2 * stride, at + 2 * stride)]
    known = beyond <= near  # causal: information comes from there
    return near, np.where(known, (4 * near - beyond) / 3, near), np.where(known, 2.25, 1.0)


def _update(time: np.ndarray, at: np.ndarray, stride: int, cost: tuple, second: bool) -> np.ndarray:
    """T at the flat places `at` from their neighbours: the larger root of `sum w (T - a)^2 / h^2 = s^2`."""
    s, hx, hy = cost
    (x, ax, wx), (y, ay, wy) = _upwind(time, at, 1, second), _upwind(time, at, stride, second)
    alone = np.minimum(ax + s * hx / np.sqrt(wx), ay + s * hy / np.sqrt(wy))
    px, py = wx / hx**2, wy / hy**2
    inside = (px + py) * s**2 - px * py * (ax - ay) ** 2
    both = (px * ax + py * ay + np.sqrt(np.maximum(inside, 0.0))) / (px + py)
    return np.where((inside >= 0) & (both >= np.maximum(x, y)), both, alone)


def _sweep(time: np.ndarray, slow: np.ndarray, fixed: np.ndarray, h: tuple[float, float]) -> None:
    """Gauss-Seidel sweeps in four directions until nothing changes, of first and then of second order; in place.

    `time` is padded by two nodes. Nodes of a diagonal do not depend on each other, so each is updated as one array.
    """
    rows, cols = (n - 4 for n in time.shape)
    stride, flat = time.shape[1], time.reshape(-1)
    i, j = np.mgrid[2 : rows + 2, 2 : cols + 2]
    place, free, s = (i * stride + j).ravel(), ~fixed.ravel(), slow.ravel()
    families = []
    for diagonal in ((i + j).ravel(), (i - j).ravel()):
        order = np.argsort(diagonal[free], kind="stable")
        cuts = np.flatnonzero(np.diff(diagonal[free][order])) + 1
        groups = list(zip(np.split(place[free][order], cuts), np.split(s[free][order], cuts), strict=True))
        families += [groups, groups[::-1]]
    for second in (False, True):
        for _ in range(ROUNDS):
            before = flat.copy()
            for family in families:
                for at, cost in family:
                    new = _update(flat, at, stride, (cost, *h), second)
                    flat[at] = new if second else np.minimum(new, flat[at])
            if np.abs(flat - before).max() <= TOLERANCE * np.abs(flat[place]).max():
                break
        else:
            raise RuntimeError(
                f"eikonal: expected sweeps to settle within {ROUNDS} rounds; smooth the slowness"
            )


def eikonal(slowness: np.ndarray, source: str | tuple[float, float] = "x0", refine: int = 4) -> np.ndarray:
    """The viscosity solution T (H, W) of `|grad T| = slowness` on the unit square; float64.

    `slowness` (H, W) > 0 holds nodal values and is interpolated bilinearly. T = 0 on the face x = 0 (`source="x0"`) or
    at the point `source = (x, y)`. Fast sweeping (Zhao 2005, Math. Comp. 74) with upwind differences of second order
    where they are causal (Sethian 1999, SIAM Review 41, section 4), on `refine` times as many intervals. Within 0.05
    of a point source rays are taken as straight. ValueError for data that do not fit.
    """
    slowness, refine = coefficient("slowness", slowness), checks.whole("refine", refine)
    if slowness.ndim != 2 or min(slowness.shape) < 3:
        raise checks.refuse("slowness", "(H, W) with 3 nodes or more each", slowness.shape, "give a 2D field")
    coarse = np.array(slowness.shape) - 1
    shape = tuple(int(n) for n in coarse * refine + 1)
    y, x = np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")

    def slow_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return map_coordinates(slowness, [y * coarse[0], x * coarse[1]], order=1, mode="nearest")

    hy, hx = (1 / (n - 1) for n in shape)
    inner = np.full(shape, FAR)
    if isinstance(source, str):
        checks.one_of("source", source, ("x0",))
        fixed = x == 0
        inner[fixed] = 0.0
    else:
        px, py = (checks.number("source", v) for v in source)
        if not (0 <= px <= 1 and 0 <= py <= 1):
            raise checks.refuse(
                "source", "a point of the unit square", source, "give (0.5, 0.5), for instance"
            )
        distance = np.hypot(x - px, y - py)
        fixed = distance <= max(STRAIGHT, 2 * max(hx, hy))
        points, weights = np.polynomial.legendre.leggauss(8)
        x, y = x[fixed] - px, y[fixed] - py
        mean = sum(
            w / 2 * slow_at(px + (p + 1) / 2 * x, py + (p + 1) / 2 * y)
            for p, w in zip(points, weights, strict=True)
        )
        inner[fixed] = mean * distance[fixed]
        y, x = np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")
    time = np.pad(inner, 2, constant_values=FAR)
    _sweep(time, slow_at(x, y), fixed, (hx, hy))
    return time[2:-2:refine, 2:-2:refine].copy()
