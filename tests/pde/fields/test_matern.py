"""Matern fields against the closed form of their covariance, folded at the faces of the domain."""

import os
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from scipy.special import gamma, kv

from pdekit.pde.fields import Matern


def correlation(r: np.ndarray, smoothness: float, length: float) -> np.ndarray:
    """The closed form (Rasmussen and Williams 2006, eq. 4.14) at distances r."""
    s = np.sqrt(2 * smoothness) * np.maximum(r, 1e-12) / length
    return 2 ** (1 - smoothness) / gamma(smoothness) * s**smoothness * kv(smoothness, s)


def folded(p: np.ndarray, q: np.ndarray, smoothness: float, length: float) -> float:
    """The sum over all images of q in the mirrors of the unit cube's faces, those nearer than about 3."""
    images = product(*[[2 * k + sign * c for k in (-2, -1, 0, 1, 2) for sign in (1, -1)] for c in q])
    distances = np.linalg.norm(np.array(list(images)) - p, axis=1)
    return float(correlation(distances, smoothness, length).sum())


def places(shape: tuple[int, ...]) -> np.ndarray:
    """Coordinates of all nodes, in the order of a raveled field: (N, d)."""
    return np.array([[k / (n - 1) for k, n in zip(at, shape, strict=True)] for at in np.ndindex(*shape)])


def exact_covariance(field: Matern, shape: tuple[int, ...]) -> np.ndarray:
    """Of the values at all nodes, from the response to each parameter: (N, N). No sampling."""
    responses = field.values(np.eye(field.modes**field.dimension), shape)
    responses = responses.reshape(len(responses), -1)
    return responses.T @ responses


@pytest.mark.parametrize(
    ("smoothness", "length", "modes", "shape", "within"),
    [
        (0.5, 0.3, 2048, (9,), 1e-3),
        (1.5, 0.2, 128, (9,), 1e-5),
        (4.0, 0.15, 64, (9,), 1e-8),
        (1.5, 0.2, 64, (4, 5), 1e-3),
        (2.5, 0.3, 32, (5, 3), 1e-4),
        (2.0, 0.4, 14, (2, 3, 4), 3e-3),
    ],
)
def test_the_covariance_is_the_folded_closed_form(
    smoothness: float, length: float, modes: int, shape: tuple[int, ...], within: float
) -> None:
    """Up to one factor, which the next test pins; at all nodes, those on faces, edges and corners too."""
    field = Matern(smoothness, length, modes=modes, exponential=False, dimension=len(shape))
    got = exact_covariance(field, shape)
    where = places(shape)
    expected = np.array([[folded(p, q, smoothness, length) for q in where] for p in where])
    factor = np.trace(got) / np.trace(expected)
    np.testing.assert_allclose(got, factor * expected, atol=within * got.max())


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_variance_is_sigma_squared_on_average_over_the_domain(dimension: int) -> None:
    modes, n = 8, 17  # the trapezoidal rule is exact for squares of cosines below n - 1
    field = Matern(sigma=1.7, modes=modes, exponential=False, dimension=dimension)
    shape = (n,) * dimension
    variance = np.square(field.values(np.eye(modes**dimension), shape)).sum(axis=0)
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    for _ in range(dimension):
        variance = variance @ weights
    assert variance == pytest.approx(1.7**2, rel=1e-12)


def test_samples_have_the_closed_form_in_the_interior() -> None:
    """4,000 samples along the middle line, two lengths and more away from any face."""
    length, count = 0.1, 4000
    field = Matern(1.5, length, mean=0.4, exponential=False)
    at = np.arange(4, 13)  # x = 0.25, ..., 0.75 on y = 1/2
    values = field.values(field.parameters(np.arange(count), 5), (3, 17))[:, 1, at]
    assert values.mean() == pytest.approx(0.4, abs=0.05)
    got = np.cov(values.T)
    distance = np.abs(at[:, None] - at) / 16
    expected = correlation(distance, 1.5, length)
    midpoints = (places((17, 17)) * 16 / 17) + 0.5 / 17
    interior = 1 / np.mean(
        [folded(p, p, 1.5, length) for p in midpoints]
    )  # the faces have more than sigma^2 = 1
    expected *= interior
    error = np.sqrt((expected**2 + interior**2) / count)  # of an entry of a Gaussian's empirical covariance
    assert np.all(np.abs(got - expected) < 4.5 * error + 0.01)
    assert np.abs(got - expected).mean() < 2 * error.mean()


def test_exponential_fields_are_the_exponential_of_the_signed_ones() -> None:
    signed = Matern(mean=-0.5, exponential=False)
    positive = Matern(mean=-0.5)
    w = signed.parameters(np.arange(3), 0)
    np.testing.assert_array_equal(w, positive.parameters(np.arange(3), 0))
    np.testing.assert_allclose(positive.values(w, (9, 5)), np.exp(signed.values(w, (9, 5))), rtol=1e-14)
    assert positive.positive and not signed.positive and signed.values(w, (9, 5)).min() < 0


def test_the_last_axis_of_parameters_is_x() -> None:
    w = np.zeros((1, 4 * 4))
    w[0, 1] = 1.0  # k = (0, 1): cos(pi x)
    values = Matern(modes=4, exponential=False).values(w, (5, 9))[0]
    x = np.linspace(0, 1, 9)
    np.testing.assert_allclose(values, np.tile(np.cos(np.pi * x) * values[0, 0], (5, 1)), atol=1e-15)
    assert values[0, 0] > 0


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    program = """
from hashlib import sha256
from numpy import arange
from pdekit.pde.fields import Matern
for field, shape in ((Matern(), (256, 256)), (Matern(dimension=3), (64, 64, 64))):
    print(sha256(field.values(field.parameters(arange(1), 0), shape)).hexdigest())
"""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **dict.fromkeys(names, threads)},
            stdout=subprocess.PIPE,
        )
        for threads in ("1", "2")
    ]
    one, two = (run.communicate(timeout=60)[0] for run in runs)
    assert one == two and len(one.split()) == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"smoothness": 0.0},
        {"length": -1.0},
        {"sigma": np.nan},
        {"mean": np.inf},
        {"modes": 0},
        {"modes": 129, "dimension": 3},
        {"exponential": 1},
        {"dimension": 4},
    ],
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"):
        Matern(**bad)
    with pytest.raises(ValueError, match=r"exp would overflow"):
        Matern(sigma=25.0)
    with pytest.raises(ValueError, match=r"another field, or Matern\(dimension=...\)"):
        Matern().values(np.zeros((1, 1024)), (9, 9, 9))
