"""Arrival times against distances, a closed form for a linear speed, and shortest paths."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pdekit.pde.reference.eikonal import eikonal


def nodes(h: int, w: int) -> list[np.ndarray]:
    return np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")[::-1]


@pytest.mark.parametrize("source", [(0.5, 0.5), (0.0, 1.0), (0.31, 0.77)])
def test_constant_slowness_gives_the_distance(source: tuple[float, float]) -> None:
    x, y = nodes(41, 33)
    exact = 2 * np.hypot(x - source[0], y - source[1])
    assert abs(eikonal(np.full((41, 33), 2.0), source) - exact).max() < 2e-3


def linear_speed(n: int, source: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Speed v = 1 + x + 2 y and T = arccosh(1 + |g|^2 r^2 / (2 v(source) v)) / |g| (Cerveny 2001, section 3.7)."""
    x, y = nodes(n, n)
    g, v, at = 5**0.5, 1 + x + 2 * y, 1 + source[0] + 2 * source[1]
    r = (x - source[0]) ** 2 + (y - source[1]) ** 2
    return 1 / v, np.arccosh(1 + g**2 * r / (2 * at * v)) / g


def test_a_linear_speed_converges_to_its_closed_form_at_order_two() -> None:
    source, errors = (0.25, 0.25), []
    for n in (17, 33, 65):
        slowness, exact = linear_speed(n, source)
        errors.append(np.sqrt(np.mean((eikonal(slowness, source) - exact) ** 2)))
    assert errors[-1] < 1e-4
    assert -np.polyfit(np.log([16, 32, 64]), np.log(errors), 1)[0] > 1.6


def test_a_face_sends_plane_waves() -> None:
    x, _ = nodes(5, 65)
    assert abs(eikonal(1 + x) - (x + x**2 / 2)).max() < 1e-4
    slowness, _ = linear_speed(33, (0.0, 0.0))
    assert (eikonal(slowness)[:, 0] == 0).all()


def test_rough_slowness_agrees_with_shortest_paths() -> None:
    """Paths on a fine graph with 32 directions are at most 1 % longer than the fastest."""
    n, fine = 17, 97
    cx, cy = nodes(n, n)
    slowness = np.exp(np.sin(7 * cx + 2) * np.cos(5 * cy) + 0.5 * np.sin(9 * cy))
    k = np.linspace(0, n - 1, fine)
    low = np.minimum(k.astype(int), n - 2)
    t = (k - low)[:, None]
    rows = slowness[low] * (1 - t) + slowness[low + 1] * t
    s = (rows.T[low] * (1 - t) + rows.T[low + 1] * t).T
    number, parts = np.arange(fine * fine).reshape(fine, fine), []
    steps = [(a, b) for a in range(-3, 4) for b in range(-3, 4) if np.gcd(a, b) == 1]
    for a, b in steps:
        start = (slice(max(0, -a), fine - max(0, a)), slice(max(0, -b), fine - max(0, b)))
        stop = (slice(max(0, a), fine + min(0, a)), slice(max(0, b), fine + min(0, b)))
        parts.append((np.hypot(a, b) / (fine - 1) * (s[start] + s[stop]) / 2, number[start], number[stop]))
    cost, here, there = (np.concatenate([p[i].ravel() for p in parts]) for i in range(3))
    graph = coo_matrix((cost, (here, there)), shape=(fine**2, fine**2)).tocsr()
    place = number[fine // 2, fine // 2]
    paths = dijkstra(graph, indices=place).reshape(fine, fine)[::6, ::6]
    times = eikonal(slowness, (0.5, 0.5))
    far = np.hypot(cx - 0.5, cy - 0.5) > 0.15
    ratio = times[far] / paths[far]
    assert ratio.min() > 0.965 and ratio.max() < 1.01


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="unit square"):
        eikonal(np.ones((5, 5)), (1.5, 0.0))
    with pytest.raises(ValueError, match="'x0'"):
        eikonal(np.ones((5, 5)), "y0")
    with pytest.raises(ValueError, match="above 0"):
        eikonal(np.zeros((5, 5)))
