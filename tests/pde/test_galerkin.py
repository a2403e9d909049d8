"""The Galerkin head: its system against a dense assembly, its optimality, its gradient, and what it is worth."""

import numpy as np
import pytest
import torch
from torch import Tensor

import pdekit as pk
from pdekit.pde import gram as spans
from pdekit.pde.banded import banded, solve
from pdekit.pde.partition import partition
from pdekit.pde.stencil import apply
from tests.pde.spans import dense_span

AROUND = pk.Faces(x0=pk.Dirichlet(1.0), x1=pk.Dirichlet(0.0), y0=pk.Periodic(), y1=pk.Periodic())
PROBLEMS = [
    pk.Poisson(17),
    pk.Poisson(22, source=2.0),
    pk.Poisson(9, dim=3),
    pk.Poisson(18, faces=AROUND),
    pk.Poisson(16, faces=pk.Faces(x0=pk.Dirichlet(1.0), y1=pk.Robin(3.0, "x"))),
]


def setting(problem: pk.Poisson, basis: int = 3, cells: int = 4, batch: int = 2):
    """Samples, a random output, the local functions, and the partition."""
    torch.manual_seed(0)
    samples = problem.sample(list(range(batch)))
    output = torch.randn(batch, basis, *problem.shape, dtype=torch.float64)
    functions = problem.close(output.unsqueeze(2) * problem.lifting_and_mask(torch.float64)[1])
    hats = partition(problem.shape, cells, problem.conditions.periodic(problem.dim), torch.float64)
    return samples, output, functions, hats


def dense(bands: torch.Tensor) -> np.ndarray:
    """The matrices (B, n, n) of banded systems."""
    batch, n, width = bands.shape
    whole = np.zeros((batch, n, n))
    for j in range(n):
        for d in range(min(width, n - j)):
            whole[:, j + d, j] = whole[:, j, j + d] = bands[:, j, d]
    return whole


@pytest.mark.parametrize("width", [1, 4, 12])
def test_banded_systems_are_solved(width: int) -> None:
    torch.manual_seed(0)
    bands = torch.randn(3, 12, width, dtype=torch.float64)
    bands[:, :, 0] = 30 + torch.rand(3, 12)
    bands[:, torch.arange(12)[:, None] + torch.arange(width) >= 12] = 0.0
    rhs = torch.randn(3, 12, dtype=torch.float64)
    matrix = dense(bands)
    torch.testing.assert_close(banded(torch.from_numpy(matrix))[:, :, :width], bands)
    expected = np.linalg.solve(matrix, rhs.numpy()[..., None])[..., 0]
    np.testing.assert_allclose(solve(bands, rhs).numpy(), expected, rtol=1e-9)


def test_a_system_that_is_not_finite_ends() -> None:
    bands = torch.tensor([[[1.0, 0.1], [torch.nan, 0.0]], [[2.0, 0.0], [4.0, 0.0]]], dtype=torch.float64)
    x = solve(bands, torch.ones(2, 2, dtype=torch.float64))
    assert torch.isnan(x[0]).all()
    torch.testing.assert_close(x[1], torch.tensor([0.5, 0.25], dtype=torch.float64))


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p.shape}")
def test_the_system_is_that_of_a_dense_assembly(problem: pk.Poisson) -> None:
    """Fails if an edge of the grid is counted in two cells of the partition, or in none."""
    samples, _, functions, hats = setting(problem)
    matrix = dense(spans.gram(functions, hats, samples.operator))
    in_order = np.arange(3 * np.prod(hats.shape)).reshape(3, -1).T.ravel()  # hats first
    for k in range(2):
        phi = dense_span(functions, hats, k)
        operator = samples.operator._replace(
            edges=tuple(e[k : k + 1] for e in samples.operator.edges), load=None
        )
        products = apply(torch.tensor(phi).view(-1, *problem.shape), operator).flatten(1).numpy()
        expected = phi @ products.T
        expected = expected[np.ix_(in_order, in_order)]
        np.testing.assert_allclose(matrix[k], expected, atol=1e-10 * np.abs(expected).max())
        slope = torch.randn(2, *problem.shape, dtype=torch.float64)
        moments = spans.moments(functions, hats, slope)[k].numpy().ravel()
        np.testing.assert_allclose(moments, -phi @ slope[k].numpy().ravel(), atol=1e-10)
        a = torch.randn(2, 3, *hats.shape, dtype=torch.float64)
        combined = spans.combine(functions, hats, a)[k].numpy().ravel()
        np.testing.assert_allclose(combined, a[k].numpy().ravel() @ phi, atol=1e-10)


def test_the_hats_add_up_to_one() -> None:
    for n in (16, 17, 21):
        for periodic in ((), (-2,)):
            for values in partition((n, n), 4, periodic, torch.float64).values:
                np.testing.assert_allclose(values.sum(0).numpy(), 1.0, atol=1e-15)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p.shape}")
def test_no_member_of_the_span_has_less_energy(problem: pk.Poisson) -> None:
    samples, output, functions, hats = setting(problem)
    u = pk.Galerkin(basis=3, cells=4).field(problem, output, samples)
    least = problem.losses(u, samples)
    for scale in (1e-3, 1e-2, 1.0):
        a = scale * torch.randn(2, 3, *hats.shape, dtype=torch.float64)
        other = problem.losses(u + spans.combine(functions, hats, a)[:, 0], samples)
        assert torch.all(other >= least - 1e-9 * least.abs())
    lifting = problem.close(problem.lifting_and_mask(torch.float64)[0]).expand_as(u)
    assert torch.all(least < problem.losses(lifting, samples))


def test_its_gradient_is_that_through_the_solve() -> None:
    """The envelope theorem: the coefficients need not be differentiated."""
    problem = pk.Poisson(7)
    samples, output, _, _ = setting(problem, basis=2, cells=2)
    head = pk.Galerkin(basis=2, cells=2)
    hats = partition(problem.shape, 2, (), torch.float64)
    lifting, mask = problem.lifting_and_mask(torch.float64)

    def through_the_solve(output: Tensor) -> Tensor:
        functions = (output * mask).unsqueeze(2)
        spread = torch.einsum("jy,kx->jkyx", *hats.values)
        phi = (functions * spread.flatten(0, 1)[None, None]).flatten(1, 2)  # (B, K J, H, W)
        operator = samples.operator
        products = torch.stack([_differentiable_product(phi[:, f], operator) for f in range(phi.shape[1])], 1)
        matrix = torch.einsum("bfyx,bgyx->bfg", phi, products)
        rhs = -torch.einsum("bfyx,byx->bf", phi, apply(lifting.expand(2, 7, 7).contiguous(), operator))
        a = torch.linalg.solve(matrix, rhs)
        return problem.losses(lifting + torch.einsum("bf,bfyx->byx", a, phi), samples)

    weights = torch.tensor([1.0, 2.0], dtype=torch.float64)
    gradients = []
    for losses in (
        lambda o: problem.losses(head.field(problem, o, samples), samples),
        through_the_solve,
    ):
        o = output.clone().requires_grad_()
        (losses(o) * weights).sum().backward()
        gradients.append(o.grad)
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)
    assert torch.autograd.gradcheck(
        lambda o: problem.losses(head.field(problem, o, samples), samples), output.requires_grad_(), atol=1e-4
    )


def _differentiable_product(v: Tensor, operator) -> Tensor:
    """`K v`, differentiable in v, as the dense matrix times v."""
    n = v[0].numel()
    unit = torch.eye(n, dtype=v.dtype).view(n, *v.shape[1:])
    rows = []
    for k in range(len(v)):
        one = operator._replace(edges=tuple(e[k : k + 1] for e in operator.edges))
        rows.append(apply(unit, one).flatten(1) @ v[k].flatten())
    return torch.stack(rows).view_as(v)


def test_an_energy_that_is_not_quadratic_is_minimised_by_newtons_method() -> None:
    """At the end no direction of the span lowers the energy: its slope along all of them is zero."""

    class Quartic(pk.Poisson):
        linear = False

        def density(self, u, grad_u, x, c):
            return c * (grad_u**2).sum(0) / 2 + 5 * u**4

    problem = Quartic(17)
    samples, output, functions, hats = setting(problem)
    u = pk.Galerkin(basis=3, cells=4).field(problem, output, samples).requires_grad_()
    (slope,) = torch.autograd.grad(problem.losses(u, samples).sum(), u)
    assert spans.moments(functions, hats, slope).abs().max() < 1e-6 * slope.abs().max()


def test_functions_that_are_parallel_or_zero_do_no_harm() -> None:
    problem = pk.Poisson(16)
    samples, output, _, _ = setting(problem)
    output[:, 1] = output[:, 0]
    output[:, 2] = 0.0
    head = pk.Galerkin(basis=3)
    u = head.field(problem, output, samples)
    alone = pk.Galerkin(basis=1).field(problem, output[:, :1], samples)
    assert torch.isfinite(u).all()
    torch.testing.assert_close(problem.losses(u, samples), problem.losses(alone, samples), rtol=1e-4, atol=0)
    nothing = torch.zeros(1, 4, 2, dtype=torch.float64)
    assert torch.isfinite(solve(nothing, torch.ones(1, 4).double())).all()


def test_a_rank_without_samples_takes_part() -> None:
    problem = pk.Poisson(16)
    samples = problem.batch(np.ones((0, 16, 16)), torch.float32)
    output = torch.zeros(0, 3, 16, 16, requires_grad=True)
    u = pk.Galerkin(basis=3).field(problem, output, samples)
    assert u.shape == (0, 16, 16)
    problem.losses(u, samples).sum().backward()


def test_trained_it_is_far_better_than_a_plain_generator_and_than_its_untrained_span() -> None:
    """The same U-Net, 40 steps."""
    setting = {"generator": pk.UNet(width=8, depth=3), "samples": 64, "steps": 40}
    errors = {}
    for head in ("plain", "galerkin"):
        solver = pk.Solver(pk.Experiment(pk.Poisson(32), head=head, **setting))
        held_out = solver.experiment.problem.held_out(4)
        errors[head] = solver.error(held_out), solver.run() and solver.error(held_out)
    assert errors["galerkin"][1] < 0.3 * errors["plain"][1]
    assert errors["galerkin"][1] < 0.3 * errors["galerkin"][0]
