"""The cavity's residual against loops, its zero against Ghia's tables and the reference, and a short training."""

import numpy as np
import pytest
import torch
from scipy.optimize import newton_krylov

import pdekit as pk
from pdekit.pde.cavity import residual
from pdekit.pde.reference import l2_norm
from pdekit.pde.reference.cavity import cavity
from tests.pde.problems.every import SMALL, check_batch, check_data, check_repr, slope_of

# Ghia, Ghia and Shin 1982, J. Comput. Phys. 48, table I: u on the vertical line x = 1/2, at these y
HEIGHTS = (0.1719, 0.2813, 0.4531, 0.5, 0.6172, 0.7344, 0.8516, 0.9531)
GHIA = {
    100: (-0.10150, -0.15662, -0.21090, -0.20581, -0.13641, 0.00332, 0.23151, 0.68717),
    400: (-0.24299, -0.32726, -0.17119, -0.11477, 0.02135, 0.16256, 0.29093, 0.55892),
}


def zero(problem: pk.Cavity, reynolds: float) -> np.ndarray:
    """psi without residual, by SciPy's Newton-Krylov method from Stokes' flow."""
    n = problem.resolution
    samples = problem.batch(np.array([[reynolds]]), torch.float64)
    start = problem.impose(torch.zeros(1, 1, n, n, dtype=torch.float64), samples)[0, 1:-1, 1:-1].numpy()

    def correction(inner: np.ndarray) -> np.ndarray:
        return problem.correction(torch.tensor(np.pad(inner, 1))[None], samples)[0].numpy()

    return np.pad(newton_krylov(correction, start, f_tol=1e-10, method="lgmres"), 1)


def slow_residual(psi: np.ndarray, reynolds: float) -> np.ndarray:
    """The same differences, node by node."""
    n = len(psi)
    h = 1 / (n - 1)

    def at(i: int, j: int) -> float:
        if i == n:
            return psi[n - 2, j] + 2 * h  # the lid's speed is 1
        return psi[abs(i), abs(j) if j < n else n - 2]

    omega = np.array(
        [
            [
                (4 * at(i, j) - at(i + 1, j) - at(i - 1, j) - at(i, j + 1) - at(i, j - 1)) / h**2
                for j in range(n)
            ]
            for i in range(n)
        ]
    )
    u, v = np.zeros((n, n)), np.zeros((n, n))
    u[1:-1, 1:-1] = (psi[2:, 1:-1] - psi[:-2, 1:-1]) / (2 * h)
    v[1:-1, 1:-1] = -(psi[1:-1, 2:] - psi[1:-1, :-2]) / (2 * h)
    r = np.zeros((n, n))
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            r[i, j] = (u[i, j + 1] * omega[i, j + 1] - u[i, j - 1] * omega[i, j - 1]) / (2 * h)
            r[i, j] += (v[i + 1, j] * omega[i + 1, j] - v[i - 1, j] * omega[i - 1, j]) / (2 * h)
            around = omega[i + 1, j] + omega[i - 1, j] + omega[i, j + 1] + omega[i, j - 1]
            r[i, j] -= (around - 4 * omega[i, j]) / h**2 / reynolds
    return r[1:-1, 1:-1]


def test_the_residual_node_by_node() -> None:
    psi = np.pad(np.random.default_rng(0).normal(size=(7, 7)), 1)
    found = residual(torch.tensor(psi)[None], 30.0)[0].numpy()
    np.testing.assert_allclose(found, slow_residual(psi, 30.0), rtol=1e-12, atol=1e-7)


def test_the_loss_is_the_energy_of_the_correction() -> None:
    """With B as a dense matrix of the residual's own differences: Re (r(psi) - r(0)) at Re -> 0."""
    problem, m = pk.Cavity(8), 6
    psi = np.pad(np.random.default_rng(1).normal(size=(m, m)), 1)
    rest = slow_residual(np.zeros((8, 8)), 1e-9) * 1e-9
    units = [np.pad(e.reshape(m, m), 1) for e in np.eye(m * m)]
    B = np.stack([(slow_residual(e, 1e-9) * 1e-9 - rest).ravel() for e in units], axis=1)
    y = np.pad(np.linalg.solve(B, 70.0 * slow_residual(psi, 70.0).ravel()).reshape(m, m), 1)
    expected = (np.diff(y, axis=0) ** 2).sum() / 2 + (np.diff(y, axis=1) ** 2).sum() / 2
    assert problem.loss(psi, np.array([70.0])) == pytest.approx(expected, rel=1e-5)


def test_it_starts_as_stokes_flow_and_keeps_the_walls() -> None:
    problem = pk.Cavity(17)
    samples = problem.batch(np.array([[1e-6]]), torch.float64)
    start = problem.impose(torch.zeros(1, 1, 17, 17, dtype=torch.float64), samples)
    assert problem.losses(start, samples).item() < 1e-12
    other = problem.impose(torch.randn(1, 1, 17, 17, dtype=torch.float64), samples)[0].numpy()
    assert not np.concatenate([other[0], other[-1], other[:, 0], other[:, -1]]).any()
    u, v = problem.velocity(other)
    assert (u[-1, 1:-1] == 1).all() and not v[-1].any() and not u[0].any()


@pytest.mark.parametrize("reynolds", [100, 400])
def test_the_zero_agrees_with_ghia(reynolds: int) -> None:
    """On 65 nodes a side: the tables to 0.008 of the speed of the lid."""
    problem = pk.Cavity(65)
    u = problem.velocity(zero(problem, float(reynolds)))[0][:, 32]
    ours = np.interp(HEIGHTS, np.linspace(0, 1, 65), u)
    assert abs(ours - GHIA[reynolds]).max() < 0.008


def test_the_zero_converges_with_its_order() -> None:
    errors, hs = [], []
    for n in (17, 33, 65):
        errors.append(l2_norm(zero(pk.Cavity(n), 100.0) - cavity(100.0, n)[0]))
        hs.append(1 / (n - 1))
    assert slope_of(errors, hs) == pytest.approx(pk.Cavity.orders[0], abs=0.1)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.Cavity(6)
    samples = problem.sample([0, 1])
    output = torch.randn(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o: problem.losses(problem.impose(o, samples), samples), output)


def test_data_batches_and_text() -> None:
    check_data(pk.Cavity(), image=False)
    check_batch(pk.Cavity(9))
    check_repr(pk.Cavity(reynolds=(100.0, 200.0)))
    problem = pk.Cavity(8)
    inputs = problem.inputs(np.array([[50.0], [400.0]]))
    assert inputs.shape == (2, 1, 8, 8)
    np.testing.assert_allclose(inputs[:, 0, 3, 4], [-1, 1])
    assert 50 <= problem.coefficient(0)[0] <= 400


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"reynolds": 100.0}, "reynolds: expected two numbers"),
        ({"reynolds": (0.0, 100.0)}, "reynolds: expected a finite number above 0"),
        ({"reynolds": (200.0, 100.0)}, "reynolds: expected the least, then the most"),
        ({"reynolds": (100.0, 1e5)}, "reynolds: expected the least, then the most, up to 1000"),
        ({"resolution": 4}, "resolution: expected a whole number, at least 6"),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Cavity(**setting)


def test_training_brings_the_error_down() -> None:
    torch.manual_seed(0)
    problem = pk.Cavity(16, reynolds=(50.0, 150.0))
    solver = pk.Solver(pk.Experiment(problem, SMALL, steps=100))
    exact = zero(problem, 100.0)
    before = pk.relative_l2(solver.predict(np.array([100.0])), exact)
    solver.run()
    assert pk.relative_l2(solver.predict(np.array([100.0])), exact) < before / 3
