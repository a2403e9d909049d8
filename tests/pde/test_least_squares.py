"""The Galerkin head where equations look far: derivatives against dense ones, systems against dense least squares."""

import numpy as np
import pytest
import torch
from torch import Tensor

import pdekit as pk
from pdekit.pde import combs, wide
from pdekit.pde.galerkin import _least_squares
from pdekit.pde.least_squares import LeastSquares, _offsets
from pdekit.pde.partition import partition
from tests.pde.spans import dense_span


def two_waves(u, d, x, c):
    return torch.stack([d.laplacian(u[0]) + c * u[1] ** 2, d.x(u[0]) * d.y(u[1]) + d.yy(u[1]) - 1])


OWN = pk.PDE(
    strong=two_waves,
    components=2,
    resolution=13,
    faces=pk.Faces(x0=pk.Dirichlet((0.0, 1.0)), y1=pk.Neumann((0.5, 0.0))),
)
PROBLEMS = [
    pk.Burgers(20, residual="muscl"),
    pk.Burgers(14, residual="godunov", viscosity=0.02),
    pk.Eikonal(14),
    pk.Eikonal(15, source=(0.4, 0.6)),
    pk.Cavity(13),
    pk.Helmholtz(11, k=5.0),
    OWN,
]
NAMES = [f"{type(p).__name__}-{p.resolution}" for p in PROBLEMS]


def setting(problem: LeastSquares, basis: int = 2, batch: int = 2):
    """Samples, and fields (batch, basis, components, *shape) of which the first is a guess."""
    torch.manual_seed(0)
    samples = problem.sample(list(range(batch)))
    return samples, torch.randn(batch, basis, problem.components, *problem.shape, dtype=torch.float64) / 4


def of_output(problem: LeastSquares, samples, k: int):
    """What the norm is taken of, as a function of the output of sample k (C, *shape), flat."""

    def values(w: Tensor) -> Tensor:
        many = w.expand(len(samples.data), *w.shape)
        r = problem.equations(problem.impose(many, samples), samples)
        return (r.flatten(1) if problem.norm_of_equations is None else problem.norm_of_equations(r))[k]

    return values


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_the_loss_is_the_squared_norm_of_the_equations(problem: LeastSquares) -> None:
    samples, fields = setting(problem, basis=3)
    ratios = []
    for k in range(3):
        u = problem.impose(fields[:, k], samples)
        values = torch.stack([of_output(problem, samples, s)(fields[s, k]) for s in range(2)])
        ratios += (problem.losses(u, samples) / values.square().sum(dim=1)).tolist()
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_the_derivative_by_colours_is_the_dense_one(problem: LeastSquares) -> None:
    """Fails if two nodes of one colour meet in an equation, or an offset is left out."""
    samples, fields = setting(problem)
    w = fields[:, 0].clone().requires_grad_()
    results = problem.equations(problem.impose(w, samples), samples)
    found = wide.derivative(results, w, problem.offsets)
    for k in range(2):

        def equations(one: Tensor, k: int = k) -> Tensor:
            many = one.expand(2, *one.shape)
            return problem.equations(problem.impose(many, samples), samples)[k]

        direction = torch.randn_like(w[0])
        _, expected = torch.autograd.functional.jvp(equations, w[k].detach(), direction)
        got = found.of(slice(k, k + 1)).product(direction[None, None])[0, 0]
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "problem", [p for p in PROBLEMS if not isinstance(p, pk.Burgers)], ids=lambda p: p.resolution
)
def test_offsets_that_are_found_by_trying_are_those_that_are_said(problem: LeastSquares) -> None:
    assert set(_offsets(problem)) <= set(problem.offsets)
    assert len(problem.offsets) - len(_offsets(problem)) in (0, 2, 4)  # corners that cancel


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_a_step_is_that_of_dense_least_squares(problem: LeastSquares) -> None:
    samples, fields = setting(problem)
    span = problem.span(3, torch.float64)
    w = fields[:, 0]
    a = problem.move(w, fields, span, samples).flatten(1)
    for k in range(2):
        values = of_output(problem, samples, k)
        jacobian = torch.autograd.functional.jacobian(values, w[k]).reshape(-1, w[k].numel()).numpy()
        columns = jacobian @ dense_span(fields, span.hats, k).T
        rest = values(w[k]).detach().numpy()
        expected, *_ = np.linalg.lstsq(columns, -rest, rcond=None)
        least = np.linalg.norm(columns @ expected + rest)
        assert np.linalg.norm(columns @ a[k].numpy() + rest) <= least * (1 + 1e-6)


@pytest.mark.parametrize("problem", [pk.Burgers(20), pk.Eikonal(14), OWN], ids=["burgers", "eikonal", "own"])
def test_the_system_is_the_dense_one(problem: LeastSquares) -> None:
    """Fails if an equation is counted in two cells of the partition, or the image of a hat is taken for another's."""
    samples, fields = setting(problem)
    span = problem.span(3, torch.float64)
    w = fields[:, 0].clone().requires_grad_()
    r = problem.equations(problem.impose(w, samples), samples)
    jacobian = wide.derivative(r, w, problem.offsets)
    images = jacobian.product(span.functions(fields))
    matrix, rhs = span.system(images, images, r.detach(), 2)
    for k in range(2):
        phi = torch.tensor(dense_span(fields, span.hats, k)).view(1, -1, problem.components, *problem.shape)
        columns = jacobian.of(slice(k, k + 1)).product(phi)[0].flatten(1).numpy()
        expected = columns @ columns.T
        np.testing.assert_allclose(matrix[k].numpy(), expected, atol=1e-10 * np.abs(expected).max())
        moments = -columns @ r[k].detach().flatten().numpy()
        np.testing.assert_allclose(rhs[k].numpy(), moments, atol=1e-10 * np.abs(moments).max())


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_no_member_of_the_span_nearby_has_a_smaller_loss(problem: LeastSquares) -> None:
    samples, fields = setting(problem)
    head = pk.Galerkin(basis=2, cells=3)
    u = head.field(problem, fields.flatten(1, 2), samples)
    least = problem.losses(u, samples)
    assert torch.all(least < problem.losses(problem.impose(fields[:, 0], samples), samples))
    hats, _ = _least_squares(problem, fields, 3, samples)
    _, a = head._best(problem, fields, samples)
    for scale in (1e-2, 1e-1):
        moved = a + scale * torch.randn_like(a)
        other = pk.pde.gram.combine(fields, hats, moved)
        assert torch.all(problem.losses(problem.impose(other, samples), samples) > least * (1 - 2e-3))


def test_the_search_begins_at_the_first_field(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = pk.Burgers(20)
    samples, fields = setting(problem)
    monkeypatch.setattr("pdekit.pde.galerkin.NEWTON", 0)
    u = pk.Galerkin(basis=2).field(problem, fields.flatten(1, 2), samples)
    torch.testing.assert_close(u, problem.impose(fields[:, 0], samples))


def test_a_quadratic_energy_of_order_2_is_minimised_in_one_step() -> None:
    problem = pk.Poisson(17, order=2, source="sin(3*x)*y")
    samples, fields = setting(problem, basis=3)
    head = pk.Galerkin(basis=3, cells=4)
    u = head.field(problem, fields.flatten(1, 2), samples)
    least = problem.losses(u, samples)
    hats = partition(problem.shape, 4, (), torch.float64)
    for scale in (1e-3, 1e-1, 1.0):
        other = pk.pde.gram.combine(fields, hats, scale * torch.randn(2, 3, *hats.shape, dtype=torch.float64))
        moved = u + other[:, 0] * problem.lifting_and_mask(torch.float64)[1]
        assert torch.all(problem.losses(moved, samples) >= least - 1e-9 * least.abs())


def test_the_second_derivative_of_order_2_is_that_of_the_energy() -> None:
    problem = pk.Poisson(9, order=2)
    samples, fields = setting(problem)
    u = fields[:, 0, 0].requires_grad_()
    (slope,) = torch.autograd.grad(problem.losses(u, samples).sum(), u)
    zero = torch.zeros_like(u).requires_grad_()
    (at_zero,) = torch.autograd.grad(problem.losses(zero, samples).sum(), zero)
    product = problem.curvature(zero.detach(), samples).product(u.detach()[:, None, None])[:, 0, 0]
    torch.testing.assert_close(product, slope - at_zero, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape, far", [((11, 14), (1, 2)), ((7, 9), (0, 3)), ((6, 6, 6), (1, 1, 1))])
def test_combs_add_up_to_the_hats(shape: tuple[int, ...], far: tuple[int, ...]) -> None:
    """Fails if two hats of a comb reach into the same cell."""
    offsets = (tuple(-f for f in far), (0,) * len(far), far)
    span = combs.combs(shape, combs.fitting(shape, 4, offsets), offsets, torch.float64)
    torch.testing.assert_close(span.values.sum(dim=0), torch.ones(shape, dtype=torch.float64))
    apart = span.apart(span.values[None, :, None], 1)[0, :, 0]
    for j, place in enumerate(np.ndindex(*span.hats.shape)):
        hat = torch.ones(())
        for axis, k in enumerate(place):
            hat = hat[..., None] * span.hats.values[axis][k]
        torch.testing.assert_close(apart[j].double(), hat.double())


def test_what_is_no_sum_of_squares_is_refused() -> None:
    for problem in (pk.Burgers(16, norm="l1"), pk.Burgers(16, boundary="soft"), pk.Eikonal(16, norm="l1")):
        with pytest.raises(ValueError, match="sum of squares"):
            pk.Experiment(problem, pk.UNet(depth=2), head="galerkin")


def test_trained_on_burgers_it_is_near_the_marched_solution() -> None:
    """30 steps; the plain head is still far away then."""
    errors = {}
    for head in ("plain", "galerkin"):
        setting = {"samples": 16, "steps": 30, "grids": "single"}
        solver = pk.Solver(pk.Experiment(pk.Burgers(32), pk.UNet(width=8, depth=3), head=head, **setting))
        solver.run()
        errors[head] = solver.error(solver.experiment.problem.held_out(4))
    assert errors["galerkin"] < 0.6 * errors["plain"]
