"""PDEs of one's own: the same numbers as the library's, each mistake told before training, no code run unasked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.pde import trial
from pdekit.pde.differences import Differences
from pdekit.pde.stencil import Quadratic
from tests.pde.problems import every

ZERO = pk.Dirichlet(0.0)
SMALL = pk.UNet(width=4, depth=2)


def flow(u, grad_u, x, c):
    return c / 2 * (grad_u**2).sum(0)


def screened(u, grad_u, x, c):
    return c / 2 * (grad_u**2).sum(0) + torch.cosh(u) - 3 * torch.sin(3 * x[0]) * u


def screened_form(u, grad_u, v, grad_v, x, c):
    return c * (grad_u * grad_v).sum(0) + (torch.sinh(u) - 3 * torch.sin(3 * x[0])) * v


def screened_residual(u, d, x, c):
    return d.div_grad(c, u) - torch.sinh(u) + 3 * torch.sin(3 * x[0])


def shear(u, grad_u, x, c):
    strain = (grad_u + grad_u.transpose(0, 1)) / 2
    return c * ((strain**2).sum((0, 1)) + (grad_u[0, 0] + grad_u[1, 1]) ** 2 / 2) - u[1]


THREE = [{"energy": screened}, {"weak": screened_form}, {"strong": screened_residual}]


def test_poisson_as_an_energy_is_poisson() -> None:
    own, library = pk.PDE(resolution=17, energy=flow), pk.Poisson(17)
    u = torch.randn(3, 17, 17, dtype=torch.float64, requires_grad=True)
    mine, theirs = own.sample([3, 4, 5]), library.sample([3, 4, 5])
    assert isinstance(mine.operator, Quadratic)
    np.testing.assert_array_equal(mine.inputs, theirs.inputs)
    losses = [p.losses(p.impose(u[:, None], s), s) for p, s in ((own, mine), (library, theirs))]
    torch.testing.assert_close(*losses, rtol=1e-13, atol=0)
    slopes = [torch.autograd.grad(one.sum(), u)[0] for one in losses]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(own.reference(3), library.reference(3), atol=1e-12)


@pytest.mark.parametrize(
    ("body", "is_quadratic"),
    [
        ("c * (grad_u**2).sum(0) + c * u * grad_u[0] + u**2 - torch.sin(x[1]) * u", True),
        ("(grad_u**2).sum(0) + u**4", False),
        ("(grad_u**2).sum(0) + torch.abs(u)", False),  # second derivatives zero wherever one looks
        ("(grad_u**2).sum(0) + (u - x[0])**2", False),  # a stencil would lose the constant
        ("(grad_u**2).sum(0) * (1 + 1e-3 * u)", False),
    ],
)
def test_a_quadratic_energy_is_found_by_trying(body: str, is_quadratic: bool) -> None:
    problem = pk.PDE(resolution=9, energy=f"def psi(u, grad_u, x, c):\n    return {body}")
    assert problem.linear is is_quadratic
    u = torch.randn(2, 9, 9, dtype=torch.float64)
    samples = problem.sample([0, 1])
    points = samples._replace(operator=problem.at_points(samples.data))
    torch.testing.assert_close(problem.losses(u, samples), problem.losses(u, points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("given", [*THREE, {"energy": flow}])
def test_it_reads_back_and_no_code_runs_unasked(given: dict) -> None:
    experiment = pk.Experiment(pk.PDE(resolution=16, c=pk.Matern(), **given), SMALL)
    text = str(experiment)
    assert "\n" not in text
    again = pk.Experiment.parse(text, code=True)
    assert again == experiment and hash(again.problem) == hash(experiment.problem)
    with pytest.raises(ValueError, match="read the functions in it, and pass code=True"):
        pk.Experiment.parse(text)


def test_a_text_is_never_executed_without_code(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    psi = f"def psi(u, grad_u, x, c, k=open({str(mark)!r}, 'w').close()):\n    return u**2"
    text = f"Experiment(PDE(energy={psi!r}))"
    for refused in (text, text.replace("PDE(", "pk.PDE("), f"Experiment(problem=PDE(16, energy={psi!r}))"):
        with pytest.raises(ValueError, match="code=True"):
            pk.Experiment.parse(refused)
    assert not mark.exists()
    pk.Experiment.parse(text, code=True)
    assert mark.exists()


def test_defaults_travel_as_their_values() -> None:
    k = np.float64(2.5)

    def psi(u, grad_u, x, c, µ=k, *, n=4):  # a letter of two bytes
        return µ * (grad_u**2).sum(0) + u**n

    problem = pk.PDE(energy=psi)
    assert "µ=2.5, *, n=4" in problem.energy
    assert problem == pk.PDE(energy=problem.energy) and replace(problem, seed=1).energy == problem.energy


def of_vectors(u, grad_u, x, c):
    return c * grad_u**2


def unknown(u, grad_u, x, c):
    return SMALL * u


def closed_over() -> object:
    k = 2.0

    def psi(u, grad_u, x, c):
        return u**2 + sum(k for _ in range(2))

    return psi


@torch.no_grad()
def decorated(u, grad_u, x, c):
    return u**2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of energy=, weak=, strong="),
        ({"energy": flow, "strong": screened_residual}, "exactly one of"),
        ({"energy": lambda u, grad_u, x, c: u**2}, r"made by def.*on a line of its own"),
        ({"energy": torch.sin}, "made by def"),
        ({"energy": decorated}, r"without decorators, got @torch.no_grad\(\)"),
        ({"energy": unknown}, r"got SMALL in line 2: return SMALL \* u; .*SMALL=SMALL"),
        ({"energy": closed_over()}, r"got k in line 2"),
        ({"energy": of_vectors}, r"\(5, 4, 7\), got \(2, 5, 4, 7\) from line 2: return c \* grad_u\*\*2;.*sum\(0\)"),
        ({"energy": "u**2"}, "one function, `def psi"),
        ({"energy": "def psi(u, x, c):\n    return u"}, r"expected `def psi\(u, grad_u, x, c\):`, got `def psi"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u +"}, r"got line 2: return u \+; invalid syntax"),
        ({"energy": "def psi(u, grad_u, x, c):\n    k = 1\n    return u.cat(k)"}, r"AttributeError in line 3: return"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return 1.0"}, "a tensor, got float from line 2"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return c"}, "does not depend on it from line 2: return c"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return c * u.detach()"}, "does not depend on it"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return c + 0 * u"}, "does not change with it"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return np.sin(u)"}, r"RuntimeError in line 2: return np.sin\(u\)"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u.log()"}, r"value nan at u = -[\d.]+, grad_u = \("),
        ({"energy": "def psi(u, grad_u, x, c):\n    return (grad_u**2).sum(0)**0.5"}, r"derivative by grad_u.*u = 0,"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u**2 - u.mean()"}, "sample 1 that changes with sample 0"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u**2 + u.mean(-1, True) + u*0"}, "cell 1 that changes"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u**2 + torch.rand(())"}, "the same for the same arguments"),
        ({"energy": "def psi(u, grad_u, x, c):\n    c.mul_(2)\n    return c * u**2"}, "c changed in place"),
        ({"energy": "def psi(u, grad_u, x, c):\n    return u**2 * torch.ones(1).double()"}, "torch.float32"),
        ({"energy": "def psi(u, grad_u, x, c):\n    global m\n    import math as m\n    return u**2"}, "got m; define"),
        ({"weak": "def form(u, grad_u, v, grad_v, x, c):\n    return u * v**2"}, "a form linear in v"),
        ({"weak": "def form(u, grad_u, v, grad_v, x, c):\n    return u * v + u"}, "a form linear in v"),
        ({"strong": "def residual(u, d, x, c):\n    return d.zz(u)"}, r"along xy, got 'z'|ValueError in line 2"),
        ({"strong": "def residual(u, d, x, c):\n    return d.xx(u)[..., 1:]"}, r"shaped like u, \(5, 8, 6\), got"),
        ({"strong": "def residual(u, d, x, c):\n    return d.xx(u) - u.mean()"}, "each sample by itself"),
        ({"energy": flow, "c": 1.0}, "c: expected a Field"),
        ({"strong": screened_residual, "positive_energy": True}, "only an energy"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_shown(given: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.PDE(resolution=16, **given)


def test_the_three_ways_have_one_solution() -> None:
    energy, weak, strong = (pk.PDE(33, c=pk.KarhunenLoeve(bound=1.0), **given) for given in THREE)
    u = energy.reference(0)
    np.testing.assert_allclose(weak.reference(0), u, atol=1e-9)
    assert pk.relative_l2(strong.reference(0), u) < 5e-3
    gradient = every.gradient(energy, u, energy.coefficient(0))[:, 1:-1]
    assert abs(gradient).max() < 1e-9
    assert weak.loss(u, weak.coefficient(0)) < 1e-18


def test_differences_are_exact_where_they_should_be() -> None:
    x, y = torch.linspace(0, 1, 7, dtype=torch.float64), torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    d, u, c = Differences(2), 3 * x**2 - x * y + 2 * y**2, 1 + x + 2 * y
    exact = {d.x: 6 * x - y, d.y: 4 * y - x, d.xx: 6 + 0 * u, d.yy: 4 + 0 * u, d.xy: -1 + 0 * u}
    for derivative, values in (exact | {d.laplacian: 10 + 0 * u}).items():
        torch.testing.assert_close(derivative(u[None])[0], values.expand_as(u), rtol=0, atol=1e-11)
    cubic = x**3 - 2 * y**3 + x * y  # a one-sided formula of first order would miss it
    torch.testing.assert_close(d.xx(cubic), (6 * x).expand_as(u), rtol=0, atol=1e-11)
    torch.testing.assert_close(d.yy(cubic), (-12 * y).expand_as(u), rtol=0, atol=1e-11)
    expected = 10 * c + 6 * x - y + 2 * (4 * y - x)
    torch.testing.assert_close(d.div_grad(c, u), expected, rtol=0, atol=1e-11)
    around = Differences(2, periodic=(-1,))
    x = torch.linspace(0, 1, 65, dtype=torch.float64)
    wave = torch.sin(2 * np.pi * x).expand(6, 65)
    for derivative, factor in (
        (around.x, torch.cos(2 * np.pi * x) * 2 * np.pi),
        (around.xx, -4 * np.pi**2 * wave),
    ):
        values = derivative(wave)
        torch.testing.assert_close(values, factor.expand_as(wave), rtol=0, atol=0.04)
        assert torch.equal(values[:, 0], values[:, -1])


@pytest.mark.parametrize("kind", ["energy", "weak"])
def test_fields_of_vectors_and_what_flows_through_the_faces(kind: str) -> None:
    def shear_form(u, grad_u, v, grad_v, x, c):
        strain = (grad_u + grad_u.transpose(0, 1)) / 2
        of_trace = (grad_u[0, 0] + grad_u[1, 1]) * (grad_v[0, 0] + grad_v[1, 1])
        return 2 * c * ((strain * grad_v).sum((0, 1)) + of_trace / 2) - v[1]

    faces = pk.Faces(
        pk.Dirichlet((0.0, 0.0)), pk.Robin(2.0, (1.0, "y")), pk.Dirichlet((None, 0.0)), pk.Neumann((0.5, "x"))
    )
    problem = pk.PDE(
        9, components=2, faces=faces, **({"energy": shear} if kind == "energy" else {"weak": shear_form})
    )
    u, samples = problem.reference(0), problem.sample([0])
    output = torch.zeros(1, 2, 9, 9, dtype=torch.float64, requires_grad=True)
    moved = problem.impose(output, samples) + torch.tensor(u) - problem.impose(0 * output, samples).detach()
    (slope,) = torch.autograd.grad(problem.losses(moved, samples).sum(), output)
    assert slope.abs().max() < 1e-11
    every.check_batch(problem)


@pytest.mark.parametrize("given", THREE)
def test_obstacles_and_periodic_faces(given: dict) -> None:
    obstacle = pk.Obstacle("(x-0.5)**2 + (y-0.5)**2 < 0.02", 2.0)
    faces = pk.Faces(x0=pk.Dirichlet("sin(pi*y)"), x1=pk.Robin(2.0, 1.0), y0=pk.Periodic(), y1=pk.Periodic())
    problem = pk.PDE(17, faces=faces, obstacle=obstacle, **given)
    u, samples = problem.reference(0), problem.sample([0])
    assert np.array_equal(u[0], u[-1]) and u[8, 8] == 2.0
    output = torch.zeros(1, 1, 17, 17, dtype=torch.float64, requires_grad=True)
    moved = problem.impose(output, samples) + torch.tensor(u) - problem.impose(0 * output, samples).detach()
    loss = problem.losses(moved, samples)
    (slope,) = torch.autograd.grad(loss.sum(), output)
    # Squares of a strong residual have slopes of 1e6 where u is off by 0.01: what rounding leaves depends on the CPU.
    assert slope.abs().max() < (1e-3 if "strong" in given else 1e-9)
    every.check_batch(problem)


BY_SAMPLE = [  # which torch.stack refuses where there are none
    {"energy": "def psi(u, grad_u, x, c):\n    return torch.stack([one**4 for one in u])"},
    {"energy": "def psi(u, grad_u, x, c):\n    return torch.stack([one**2 for one in u])"},
    {"weak": "def form(u, grad_u, v, grad_v, x, c):\n    return torch.stack([one**3 for one in u]) * v"},
    {"strong": "def residual(u, d, x, c):\n    return torch.stack([one**3 for one in u])"},
]


@pytest.mark.parametrize("given", [*THREE, *BY_SAMPLE, {"energy": flow}, {"energy": shear, "components": 2}])
def test_a_rank_may_have_no_samples(given: dict) -> None:
    problem = pk.PDE(9, **({"faces": pk.Faces(x0=ZERO)} | given))
    samples = problem.sample([0])
    none = problem.batch(samples.data[:0].numpy(), torch.float64)
    output = torch.zeros(0, problem.components, 9, 9, dtype=torch.float64, requires_grad=True)
    losses = problem.losses(problem.impose(output, none), none)
    losses.sum().backward()
    assert losses.shape == (0,) and output.grad.shape == output.shape


@pytest.mark.parametrize("given", THREE)
def test_it_trains(given: dict) -> None:
    problem = pk.PDE(8, c=pk.KarhunenLoeve(bound=1.0), **given)
    generator = pk.UNet(width=8, depth=2, norm="none")
    solver = pk.Solver(pk.Experiment(problem, generator, optimizer="lbfgs", samples=4, steps=40))
    before = solver.error(problem.held_out(4))
    solver.run()
    assert solver.error(problem.held_out(4)) < 0.6 * before


def test_the_gradient_of_a_strong_residual_is_right() -> None:
    faces = pk.Faces(x0=ZERO, y1=pk.Robin(2.0, "x"))
    problem = pk.PDE(5, strong=screened_residual, faces=faces, c=pk.KarhunenLoeve(bound=1.0))
    samples = problem.sample([0, 1])
    output = torch.rand(2, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o: problem.losses(problem.impose(o, samples), samples), output)


def test_a_weak_form_around_an_obstacle_has_the_right_gradient() -> None:
    problem = pk.PDE(5, weak=screened_form, obstacle=pk.Obstacle("(x-0.5)**2 + (y-0.5)**2 < 0.1", 2.0))
    samples = problem.sample([0])
    output = torch.rand(1, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o: problem.losses(problem.impose(o, samples), samples), output)


def test_the_galerkin_head_minimises_a_nonlinear_energy() -> None:
    problem = pk.PDE(17, energy=screened)
    least, data, excess = (
        problem.loss(problem.reference(0), problem.coefficient(0)),
        problem.coefficient(0),
        {},
    )
    for head in ("plain", "galerkin"):
        solver = pk.Solver(pk.Experiment(problem, SMALL, samples=4, head=head, dtype="float64"))
        excess[head] = problem.loss(solver.predict(0), data) - least
    assert 0 < excess["galerkin"] < 0.5 * excess["plain"]


@pytest.mark.parametrize(
    "given", [{"weak": screened_form}, {"strong": screened_residual}], ids=["weak", "strong"]
)
def test_the_galerkin_head_minimises_residuals(given: dict) -> None:
    problem = pk.PDE(17, **given)
    data, loss = problem.coefficient(0), {}
    for head in ("plain", "galerkin"):
        solver = pk.Solver(pk.Experiment(problem, SMALL, samples=4, head=head, dtype="float64"))
        loss[head] = problem.loss(solver.predict(0), data)
    assert loss["galerkin"] < 0.3 * loss["plain"]
    around = pk.Faces(x0=pk.Dirichlet(0.0), y0=pk.Periodic(), y1=pk.Periodic())
    with pytest.raises(ValueError, match="a loss that is a sum of squares"):
        pk.Experiment(pk.PDE(17, faces=around, **given), SMALL, head="galerkin")


@pytest.mark.parametrize("given", THREE)
def test_it_is_the_same_where_gradients_are_off(given: dict) -> None:
    """As in a prediction, which may be the first to ask what kind of energy it is."""
    trial.tried.cache_clear()
    trial.quadratic.cache_clear()
    with torch.no_grad():
        problem = pk.PDE(9, **given)
        loss, u = problem.loss(np.ones((9, 9)), problem.coefficient(0)), problem.solve(problem.coefficient(0))
    assert loss == problem.loss(np.ones((9, 9)), problem.coefficient(0))
    np.testing.assert_array_equal(u, problem.solve(problem.coefficient(0)))


def test_objectives_follow_what_the_user_says() -> None:
    assert pk.Experiment(pk.PDE(energy=flow)).objective == "asinh"
    assert pk.Experiment(pk.PDE(energy=flow, positive_energy=True)).objective == "log"
    assert pk.Experiment(pk.PDE(strong=screened_residual)).objective == "root"


def test_a_reference_that_fails_says_so() -> None:
    nowhere = pk.PDE(9, strong="def residual(u, d, x, c):\n    return d.laplacian(u) + u**2 + 100")
    with pytest.raises(RuntimeError, match="reference: expected Newton's method to converge, got"):
        nowhere.reference(0)
    no_values = "def form(u, grad_u, v, grad_v, x, c):\n    return (grad_u * grad_v).sum(0) + v"
    with pytest.raises(RuntimeError, match="reference: expected"):
        pk.PDE(9, weak=no_values, faces=pk.Faces()).reference(0)


def test_the_trial_is_made_once_for_a_text() -> None:
    pk.PDE(16, energy=flow)
    before = trial.tried.cache_info().misses
    pk.PDE(32, energy=flow, seed=3).at(64)
    assert trial.tried.cache_info().misses == before
