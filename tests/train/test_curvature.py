"""Products with the Gauss-Newton matrix, against differences of fields and of slopes of the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import pdekit as pk
from pdekit.generators.generator import Generator
from pdekit.pde.problem import Problem
from pdekit.train.evaluation import Evaluation
from pdekit.train.objectives import OBJECTIVES

SMALL = pk.UNet(width=2, depth=1)
H = 1e-5


def prepared(problem: Problem, **settings: object) -> tuple[pk.Solver, Evaluation]:
    """A solver a step from its start, and its evaluation of all samples."""
    setting = {"samples": 3, "batch": 3, "steps": 10, "dtype": "float64", "grids": "single"} | settings
    solver = pk.Solver(pk.Experiment(problem, SMALL, **setting))
    solver.advance(1)
    evaluation = Evaluation(solver, solver.samples([np.arange(3)]), 3)
    evaluation(solver.reduction.x)
    return solver, evaluation


QUADRATIC = [
    (pk.Poisson(8), {}),
    (pk.Poisson(8), {"objective": "mean"}),
    (pk.Poisson(9, order=2), {}),
    (pk.Elasticity(8), {}),
    (pk.AllenCahn(8), {}),
    (pk.Helmholtz(8), {}),
]


@pytest.mark.parametrize(("problem", "settings"), QUADRATIC)
def test_it_is_the_curvature_along_the_change_of_the_fields(problem: Problem, settings: dict) -> None:
    solver, evaluation = prepared(problem, **settings)
    product, x, samples = evaluation.curvature(), solver.reduction.x, evaluation.parts[0]
    torch.manual_seed(0)
    v, start = torch.randn_like(x), x.clone()

    def field(t: float) -> torch.Tensor:
        with torch.no_grad():
            x.copy_(start + t * v)
            return solver.field(problem, samples)

    def slope(u: torch.Tensor) -> torch.Tensor:
        u = u.detach().requires_grad_()
        return torch.autograd.grad(problem.losses(u, samples).sum(), u)[0]

    along, u = (field(H) - field(-H)) / (2 * H), field(0.0)
    bend = (slope(u + H * along) - slope(u - H * along)) / (2 * H)
    losses = problem.losses(u, samples).detach().requires_grad_()
    objective = OBJECTIVES[solver.experiment.objective](losses)
    (factors,) = torch.autograd.grad(objective.sum(), losses)
    expected = (factors * (along * bend).flatten(1).sum(dim=1)).sum() / 3
    torch.testing.assert_close(torch.dot(v, product(v)), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("problem", [pk.Burgers(8), pk.Cavity(8), pk.Eikonal(8)])
def test_of_squares_it_is_that_of_the_residuals(problem: Problem) -> None:
    """`2 c |R J v|^2` with differences of the residuals along v, and c = loss / |r|^2."""
    solver, evaluation = prepared(problem, objective="mean")
    product, x, samples = evaluation.curvature(), solver.reduction.x, evaluation.parts[0]
    torch.manual_seed(0)
    v, start = torch.randn_like(x), x.clone()

    def residuals(t: float) -> torch.Tensor:
        with torch.no_grad():
            x.copy_(start + t * v)
            r = problem.equations(solver.field(problem, samples), samples)
            return (r if problem.norm_of_equations is None else problem.norm_of_equations(r)).flatten(1)

    along, r = (residuals(1e-7) - residuals(-1e-7)) / 2e-7, residuals(0.0)
    losses = problem.losses(solver.field(problem, samples), samples).detach()
    expected = (2 * losses / r.square().sum(dim=1) * along.square().sum(dim=1)).sum() / 3
    torch.testing.assert_close(torch.dot(v, product(v)), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("problem", [pk.Poisson(16), pk.Helmholtz(16)])
def test_with_the_head_it_is_symmetric_and_not_indefinite(problem: Problem) -> None:
    solver, evaluation = prepared(problem, head=pk.Galerkin(basis=2, cells=2))
    product = evaluation.curvature()
    torch.manual_seed(0)
    v, w = (torch.randn_like(solver.reduction.x) for _ in range(2))
    of_v = product(v)
    torch.testing.assert_close(torch.dot(w, of_v), torch.dot(v, product(w)), rtol=1e-9, atol=1e-9)
    assert torch.dot(v, of_v) > 0


def own(channels, outputs, dim):
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Conv2d(4, outputs, 1))


NETWORKS = [replace(SMALL, norm=norm) for norm in ("batch", "group", "instance")] + [pk.Network(own)]


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("generator", NETWORKS, ids=["batch", "group", "instance", "own"])
def test_newton_by_conjugate_gradients_trains(generator: Generator, overlap: bool) -> None:
    """Fails if a product is not that of the evaluation before it, or disturbs the message.

    And where group norm's forward mode is given channels last, which torch refuses.
    """
    setting = {"optimizer": pk.NewtonCG(iterations=5), "samples": 4, "steps": 9, "overlap": overlap}
    losses = pk.Solver(pk.Experiment(pk.Poisson(16), generator, **setting, grids="single")).run().loss
    # How fast depends on the first weights, and these on the CPU: torch draws them in lanes as wide as it has.
    assert np.all(np.diff(losses) < 0) and losses[-1] < losses[0] - 0.2


@pytest.mark.parametrize(
    ("problem", "setting", "words"),
    [
        (pk.Burgers(16, norm="l1"), {}, "sum of squares"),
        (pk.Poisson(16), {"sharded": True}, "sharded"),
        (pk.Poisson(16), {"reproducible": True}, "reproducible"),
    ],
)
def test_what_has_no_products_is_refused(problem: Problem, setting: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Experiment(problem, SMALL, optimizer="newton-cg", **setting)
