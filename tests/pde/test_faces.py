"""Boundary values by construction on every kind of face, obstacles, formulas, and what is refused."""

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.pde import formula
from pdekit.pde.faces import lifting_and_mask

X, Y = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 5))


def test_a_formula_is_what_numpy_makes_of_it() -> None:
    expected = np.sin(np.pi * Y) + np.where(X < 0.5, X**2, -1.0)
    np.testing.assert_array_equal(
        formula.on_nodes("sin(pi*y) + where(x < 0.5, x**2, -1.0)", (5, 6)), expected
    )


@pytest.mark.parametrize(
    "text",
    ["import os", "__import__('os')", "x.real", "u + 1", "sin", "lambda: 1", "[x]", "x if y else z", "'a'"],
)
def test_other_text_is_no_formula_and_is_not_executed(text: str) -> None:
    with pytest.raises(ValueError, match="formula: expected numbers, x, y, z, pi"):
        pk.Dirichlet(text)


def test_u_is_given_on_its_faces_whatever_the_network_says() -> None:
    faces = pk.Faces(x0=pk.Dirichlet("y"), x1=pk.Dirichlet(2.0), y1=pk.Dirichlet("1 + x"))
    lifting, mask = lifting_and_mask(faces, None, (5, 6))
    u = (lifting + mask * np.random.default_rng(0).normal(size=(5, 6)))[0]
    np.testing.assert_array_equal(u[:-1, 0], Y[:-1, 0])
    np.testing.assert_array_equal(u[:-1, -1], 2.0)
    np.testing.assert_array_equal(u[-1, 1:-1], 1 + X[-1, 1:-1])
    assert u[-1, 0] == 1.0 and u[-1, -1] == 2.0  # corners: the mean of both faces
    assert np.all(mask[0, 0, 1:-1] > 0)  # y = 0 is free


def test_two_opposite_faces_give_the_ramp_and_the_bubble() -> None:
    lifting, mask = lifting_and_mask(pk.Faces(x0=pk.Dirichlet(1.0), x1=pk.Dirichlet(0.0)), None, (5, 6))
    np.testing.assert_allclose(lifting[0], 1 - X, atol=1e-15)
    np.testing.assert_allclose(mask[0], 4 * X * (1 - X), atol=1e-15)


def test_a_component_may_be_free_where_another_is_held() -> None:
    faces = pk.Faces(x0=pk.Dirichlet((0.0, None)), x1=pk.Dirichlet((1.0, 2.0)))
    lifting, mask = lifting_and_mask(faces, None, (5, 6), 2)
    assert np.all(mask[0][:, 0] == 0) and np.all(mask[1][:, 0] > 0) and np.all(lifting[1][:, -1] == 2)
    with pytest.raises(ValueError, match="3 values, one a component"):
        lifting_and_mask(faces, None, (5, 6), 3)


def test_an_obstacle_and_the_faces_both_hold() -> None:
    """The obstacle touches the face x = 0, whose values rule outside it."""
    obstacle = pk.Obstacle("x**2 + (y - 0.5)**2 < 0.06", 7.0)
    lifting, mask = lifting_and_mask(pk.Faces(x0=pk.Dirichlet(1.0)), obstacle, (17, 17))
    inside = obstacle.mask((17, 17))
    assert np.all(lifting[0][inside] == 7) and np.all(mask[0][inside] == 0)
    outside = ~inside[:, 0]
    assert outside.any() and np.all(lifting[0][outside, 0] == 1) and np.all(mask[0][outside, 0] == 0)
    with pytest.raises(ValueError, match="obstacle: expected some nodes of"):
        pk.Obstacle("x > 2").mask((5, 5))


def test_periodic_faces_carry_the_same_values() -> None:
    faces = pk.Faces(x0=pk.Dirichlet(1.0), y0=pk.Periodic(), y1=pk.Periodic())
    problem = pk.Poisson(16, faces=faces)
    u = problem.impose(torch.randn(2, 1, 16, 16), problem.sample([0, 1], torch.float32))
    assert torch.equal(u[:, 0], u[:, -1]) and torch.all(u[:, :, 0] == 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pk.Faces(x0=1.0), "x0: expected Dirichlet, Neumann, Robin or Periodic, got 1.0"),
        (lambda: pk.Faces(y0=pk.Periodic()), "y1: expected Periodic"),
        (lambda: pk.Dirichlet(np.nan), "value: expected a finite number"),
        (lambda: pk.Robin("a"), "formula: expected"),
        (lambda: pk.Poisson(16, faces=pk.Faces()), "faces: expected a face where u is given"),
        (lambda: pk.Poisson(17, order=2, faces=pk.Faces(pk.Dirichlet(), pk.Neumann(1.0))), "no flux with order=2"),
        (lambda: formula.on_nodes("1/x", (3, 3)), "finite values at every node"),
        (lambda: pk.Poisson(64, order=2), "an odd number of nodes"),
        (lambda: pk.Poisson(16, permeability=pk.Matern(exponential=False)), "a field above 0"),
        (lambda: pk.Poisson(16, dim=4), "dim: expected a whole number, between 2 and 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_faces_print_what_is_said_about_them_and_read_back() -> None:
    faces = pk.Faces(x0=pk.Dirichlet("y"), y1=pk.Robin(2.0, 1.0))
    assert repr(faces) == "Faces(x0=Dirichlet(value='y'), y1=Robin(alpha=2.0, flux=1.0))"
    experiment = pk.Experiment(pk.Poisson(faces=faces, obstacle=pk.Obstacle("x > 0.9")))
    assert pk.Experiment.parse(str(experiment)) == experiment
