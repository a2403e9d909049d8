"""PDEs of one's own with a known solution, u = exp(x + y) or exp(x + y + z): the order in which each way finds it."""

import numpy as np
import pytest

import pdekit as pk
from tests.pde.problems import every

SQUARE = pk.Faces(
    pk.Dirichlet("exp(y)"), pk.Neumann("exp(1+y)"), pk.Dirichlet("exp(x)"), pk.Robin(2.0, "3*exp(x+1)")
)
CUBE = pk.Faces(
    pk.Dirichlet("exp(y+z)"),
    pk.Neumann("exp(1+y+z)"),
    pk.Dirichlet("exp(x+z)"),
    pk.Robin(2.0, "3*exp(x+1+z)"),
    pk.Neumann("-exp(x+y)"),
    pk.Dirichlet("exp(x+y+1)"),
)
LINEAR = "def psi(u, grad_u, x, c, k=1.0):\n    return (grad_u**2).sum(0)/2 + k*u**2"
CUBIC = """def psi(u, grad_u, x, c):
    source = (3 * (x[0] + x[1])).exp() - 2 * (x[0] + x[1]).exp()
    return (grad_u**2).sum(0)/2 + u**4/4 - source*u"""
FORM = "def form(u, grad_u, v, grad_v, x, c):\n    return (grad_u*grad_v).sum(0) + len(x)*x.sum(0).exp()*v"
LAPLACE = "def residual(u, d, x, c):\n    return d.xx(u) + d.yy(u) - 2 * torch.exp(x[0] + x[1])"
FLUX = "def residual(u, d, x, c):\n    return d.div_grad(1 + x[0] + 0*u, u) - 2*(1 + x[0])*u - d.x(u)"
FINE, SMALL = (17, 33, 65), (5, 9, 13)


def exact_error(problem: pk.PDE) -> float:
    """Relative L2 error of the discrete solution, at which the loss has to be zero, or the energy without slope."""
    data = problem.coefficient(0)
    u = problem.solve(data)
    x = np.linspace(0, 1, problem.resolution)
    exact = np.exp(sum(x.reshape(-1, *(1,) * axis) for axis in range(problem.dim)))
    if problem.energy:
        free = problem.impose(*_ones(problem)) != problem.impose(*_ones(problem, 2.0))
        assert abs(every.gradient(problem, u, data)[free[0].numpy()]).max() < 1e-10
    else:
        assert problem.loss(u, data) <= 1e-12 * problem.loss(np.ones_like(u), data)
    return pk.relative_l2(u, exact)


def _ones(problem: pk.PDE, value: float = 1.0) -> tuple:
    samples = problem.sample([0])
    return samples.inputs.new_full((1, 1, *problem.shape), value), samples


@pytest.mark.parametrize(
    ("given", "dim", "counts"),
    [
        ({"energy": LINEAR}, 2, FINE),
        ({"energy": CUBIC}, 2, FINE),
        ({"weak": FORM}, 2, FINE),
        ({"strong": LAPLACE}, 2, FINE),
        ({"strong": FLUX}, 2, FINE),
        ({"energy": LINEAR.replace("k=1.0", "k=1.5")}, 3, SMALL),
        ({"weak": FORM}, 3, SMALL),
    ],
    ids=["energy", "nonlinear energy", "weak", "strong", "flux", "energy on a cube", "weak on a cube"],
)
def test_the_minimiser_or_zero_converges_in_the_order_of_the_class(given, dim: int, counts) -> None:
    """Delta u = dim u with held faces, fluxes, and a Robin face."""
    faces = SQUARE if dim == 2 else CUBE
    errors = [exact_error(pk.PDE(n, dim=dim, faces=faces, **given)) for n in counts]
    steps = [1 / (n - 1) for n in counts]
    assert every.slope_of(errors, steps) == pytest.approx(pk.PDE.orders[0], abs=0.1)
