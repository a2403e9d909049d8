"""What holds for every problem of the catalogue, as functions that a test calls with its problem."""

import numpy as np
import torch

import pdekit as pk
from pdekit.pde.problem import Problem

SMALL = pk.UNet(width=8, depth=3)


def check_data(problem: Problem, image: bool = True) -> None:
    """Data depend on (seed, index) alone, bit for bit; an `image` is the same function on a finer grid."""
    some = problem.coefficient([5, 2, 9])
    assert some.dtype == np.float64 and some.shape == (3, *problem.data_shape)
    np.testing.assert_array_equal(problem.coefficient([2])[0], some[1])
    assert not np.array_equal(some[0], some[1])
    if image:
        coarse, fine = problem.at(65).coefficient(3), problem.at(129).coefficient(3)
        np.testing.assert_allclose(fine[::2, ::2], coarse, rtol=0, atol=1e-12)


def check_batch(problem: Problem) -> None:
    """Each sample's loss and gradient are its own, whatever the batch."""
    torch.manual_seed(0)
    samples, alone = problem.sample([3, 4, 8]), problem.sample([4])
    output = torch.randn(3, problem.components, *problem.shape, dtype=torch.float64, requires_grad=True)
    whole = problem.losses(problem.impose(output, samples), samples)
    assert whole.shape == (3,)
    (slope,) = torch.autograd.grad(whole[1], output)
    assert slope[1].any() and not slope[[0, 2]].any()
    one = problem.losses(problem.impose(output[1:2], alone), alone)
    np.testing.assert_allclose(one.item(), whole[1].item(), rtol=1e-12)


def check_repr(problem: Problem) -> None:
    """The experiment's text is the experiment."""
    experiment = pk.Experiment(problem)
    assert pk.Experiment.parse(str(experiment)) == experiment


def trained(problem: Problem, steps: int = 100, **settings: object) -> tuple[float, float]:
    """The held-out error before and after a short training of a small U-Net."""
    torch.manual_seed(0)
    solver = pk.Solver(pk.Experiment(problem, SMALL, steps=steps, **settings))
    before = solver.error(problem.held_out(4))
    solver.run()
    return before, solver.error(problem.held_out(4))


def slope_of(errors: list[float], steps: list[float]) -> float:
    """The order of convergence, fitted."""
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def gradient(problem: Problem, u: np.ndarray, data: np.ndarray) -> np.ndarray:
    """The derivative of the loss of one u (*u_shape), float64."""
    v = torch.tensor(u)[None].requires_grad_()
    problem.losses(v, problem.batch(data[None], torch.float64)).sum().backward()
    return v.grad[0].numpy()
