"""PDEs of one's own on the cube: against scikit-fem's assembly or an exact solution, and a step of training each."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementHex1, FacetBasis, Functional, LinearForm, MeshHex
from skfem.helpers import dot, grad

import pdekit as pk

N = 9


def screened(u, grad_u, x, c):
    return c / 2 * (grad_u**2).sum(0) + torch.cosh(u) - x[2] * grad_u[1] * u


def carried(u, grad_u, v, grad_v, x, c):
    return c * (grad_u * grad_v).sum(0) + (u**3 + x[2] * grad_u[1] - x[0]) * v


def skewed(u, d, x, c):
    return d.div_grad(1 + x[2] + 0 * u, u) + d.xz(u) + d.yy(u) - d.x(u) + u**2


class Cube:
    """scikit-fem's trilinear elements, and the place of its unknowns in an array (z, y, x)."""

    def __init__(self) -> None:
        self.mesh = MeshHex.init_tensor(*[np.linspace(0, 1, N)] * 3)
        self.basis = Basis(self.mesh, ElementHex1(), intorder=3)
        self.place = tuple(np.rint(self.basis.doflocs * (N - 1)).astype(int)[::-1])

    def face(self, axis: int, end: float) -> FacetBasis:
        """The elements on the face where coordinate `axis` (0 for x) is `end`."""
        on = self.mesh.facets_satisfying(lambda x: np.isclose(x[axis], end), boundaries_only=True)
        return FacetBasis(self.mesh, ElementHex1(), facets=on, intorder=3)


def fields() -> tuple[np.ndarray, np.ndarray]:
    """u and c, random at every node."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, N, N)), np.exp(rng.normal(size=(N, N, N)))


def test_an_energy_is_scikit_fems() -> None:
    (u, c), cube = fields(), Cube()
    problem = pk.PDE(N, dim=3, energy=screened, faces=pk.Faces(x0=pk.Dirichlet(1.0), z1=pk.Robin(2.0, "x*y")))
    to_basis, face = (lambda a: cube.basis.interpolate(a[cube.place])), cube.face(2, 1.0)

    def density(w):
        return w.c / 2 * dot(grad(w.u), grad(w.u)) + np.cosh(w.u) - w.x[2] * w.u.grad[1] * w.u

    inside = Functional(density).assemble(cube.basis, u=to_basis(u), c=to_basis(c))
    through = Functional(lambda w: w.u**2 - w.x[0] * w.x[1] * w.u)
    outside = through.assemble(face, u=face.interpolate(u[cube.place]))
    assert problem.loss(u, c) == pytest.approx(inside + outside, rel=1e-11)


def test_a_weak_residual_is_scikit_fems() -> None:
    (u, c), cube = fields(), Cube()
    problem = pk.PDE(N, dim=3, weak=carried, faces=pk.Faces(y0=pk.Dirichlet(1.0), z1=pk.Robin(2.0, "x*y")))
    to_basis, face = (lambda a: cube.basis.interpolate(a[cube.place])), cube.face(2, 1.0)

    def form(v, w):
        return w.c * dot(grad(w.u), grad(v)) + (w.u**3 + w.x[2] * w.u.grad[1] - w.x[0]) * v

    r = LinearForm(form).assemble(cube.basis, u=to_basis(u), c=to_basis(c))
    through = LinearForm(lambda v, w: (2 * w.u - w.x[0] * w.x[1]) * v)
    r += through.assemble(face, u=face.interpolate(u[cube.place]))
    samples = problem.batch(c[None], torch.float64)
    np.testing.assert_allclose(
        problem.residual(torch.tensor(u)[None], samples)[0].numpy()[cube.place], r, atol=1e-12
    )


def test_a_strong_residual_vanishes_at_an_exact_solution() -> None:
    """Differences of second order make no error in a quadratic u, on the faces neither."""
    z, y, x = np.meshgrid(*[np.linspace(0, 1, N)] * 3, indexing="ij")
    u = 1 + x + x * z + y**2 - 2 * z**2
    text = """def residual(u, d, x, c):
    x, y, z = x
    exact = 1 + x + x*z + y**2 - 2*z**2
    right = (x - 4*z) - 4*(1 + z) + 2*(1 + z) + 1 + 2 - (1 + z) + exact**2
    return d.div_grad(1 + z + 0*u, u) + d.xz(u) + d.yy(u) - d.x(u) + u**2 - right"""
    problem = pk.PDE(
        N,
        dim=3,
        strong=text,
        faces=pk.Faces(
            x0=pk.Dirichlet("1+y**2-2*z**2"),
            x1=pk.Dirichlet("2+z+y**2-2*z**2"),
            y0=pk.Neumann(0.0),
            y1=pk.Robin(2.0, "2+2*(2+x+x*z-2*z**2)"),
            z0=pk.Neumann("-x"),
            z1=pk.Dirichlet("2*x+y**2-1"),
        ),
    )
    c = problem.coefficient(0)
    assert problem.loss(u, c) < 1e-20 < 1e-4 < problem.loss(u + 0.1 * x * z * (1 - x) * (1 - z), c)


@pytest.mark.parametrize("given", [{"energy": screened}, {"weak": carried}, {"strong": skewed}])
def test_it_trains_on_a_cube(given: dict) -> None:
    problem = pk.PDE(N, dim=3, c=pk.KarhunenLoeve(bound=1.0), **given)
    generator = pk.UNet(width=4, depth=2, norm="none")
    solver = pk.Solver(
        pk.Experiment(problem, generator, optimizer="lbfgs", samples=2, steps=4, grids="single")
    )
    history = solver.run()
    assert np.isfinite(history.loss).all() and history.loss[-1] < history.loss[0]
    u = solver.predict(0)
    assert u.shape == (N, N, N) and np.isfinite(u).all()
    np.testing.assert_allclose(u[..., 0], 1.0, atol=1e-6)
    np.testing.assert_allclose(u[..., -1], 0.0, atol=1e-6)
