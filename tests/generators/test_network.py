"""A network of the user's own: its text, what is replaced in it, and what is refused before any training."""

import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pdekit as pk
from pdekit.generators.dropout import Dropout
from pdekit.parallel import Serial, SyncBatchNorm


def build(channels, outputs, dim, width=4):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(width, eps=1e-3, momentum=0.3)
            self.drop = nn.Dropout2d(0.25)
            self.last = nn.Conv2d(width, outputs, 3, padding=1)

        def forward(self, x):
            return self.last(self.drop(F.gelu(self.norm(self.first(x)))))

    return Net()


SMALL = {"samples": 6, "batch": 3, "steps": 3}
REPLACED = r"Network: its batch norms \(norm\) are replaced by those over all ranks"


def body(forward: str, made: str = "") -> str:
    """The text of a build whose module has a convolution `a`, and what `made` makes."""
    return textwrap.dedent("""
        def build(channels, outputs, dim):
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.a = nn.Conv2d(channels, outputs, 3, padding=1)
                    {made}
                def forward(self, x):
                    {forward}
            return Net()
    """).format(made=made or "pass", forward=forward)  # fmt: skip


def test_it_trains_says_what_it_replaced_and_reads_back() -> None:
    with pytest.warns(UserWarning, match=REPLACED) as said:
        experiment = pk.Experiment(pk.Poisson(16), pk.Network(build), **SMALL)
    assert said[0].filename == __file__  # it shows the line that made the experiment
    text = str(experiment)
    assert "\n" not in text
    with pytest.raises(ValueError, match="pass code=True"):
        pk.Experiment.parse(text)
    with pytest.warns(UserWarning, match=REPLACED):
        again = pk.Experiment.parse(text, code=True)
    assert again == experiment and hash(again.generator) == hash(experiment.generator)
    solver = pk.Solver(experiment)
    kinds = {name: type(m) for name, m in solver.generator.named_modules()}
    assert (kinds["norm"], kinds["drop"]) == (SyncBatchNorm, Dropout)
    assert np.isfinite(solver.run().loss).all() and solver.predict(0, 20).shape == (20, 20)
    np.testing.assert_array_equal(solver.history.loss, pk.Solver(again).run().loss)


def test_a_text_is_never_executed_without_code(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    text = f"def build(channels, outputs, dim):\n    open({str(mark)!r}, 'w').close()\n    return nn.Conv2d(1, 1, 1)"
    line = f"Experiment(generator=Network({text!r}))"
    with pytest.raises(ValueError, match="code=True"):
        pk.Experiment.parse(line)
    assert not mark.exists()
    pk.Experiment.parse(line, code=True)
    assert mark.exists()


def test_its_batch_norm_is_torchs_and_keeps_settings_and_numbers() -> None:
    """Forward, gradients and running statistics against the module as the user wrote it; see also tests/ranks."""
    text = pk.Network(build).code.replace("return Net()", "net = Net()")
    recipe = pk.Network(f"{text}\n    nn.init.constant_(net.norm.weight, 0.5)\n    return net")
    torch.manual_seed(3)
    ours = recipe.build(lambda c: SyncBatchNorm(c, Serial())).double()
    torch.manual_seed(3)
    theirs = build(1, 1, 2).double()
    nn.init.constant_(theirs.norm.weight, 0.5)
    theirs.drop.eval(), ours.drop.eval()
    x = torch.randn(5, 1, 8, 9, dtype=torch.float64)
    for net in (ours, theirs):
        net(x).square().sum().backward()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.norm.running_var, theirs.norm.running_var, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)


def test_layers_are_found_anywhere_and_a_shared_one_stays_shared() -> None:
    text = """
    def build(channels, outputs, dim):
        norm, drop = nn.BatchNorm2d(3), nn.Dropout(0.5)
        inner = nn.Sequential(nn.Conv2d(3, 3, 1), norm, drop, nn.Dropout3d(0.5))
        return nn.Sequential(nn.Conv2d(channels, 3, 1), norm, drop, inner, nn.Conv2d(3, outputs, 1))
    """
    net = pk.Network(text).build(lambda c: SyncBatchNorm(c, Serial()))
    assert net[1] is net[3][1] and isinstance(net[1], SyncBatchNorm)
    assert net[2] is net[3][2] and not net[2].channels and net[3][3].channels
    alone = pk.Network("def build(channels, outputs, dim):\n    return nn.BatchNorm2d(1)")
    assert isinstance(alone.build(lambda c: SyncBatchNorm(c, Serial())), SyncBatchNorm)


def test_in_three_dimensions_and_with_the_galerkin_head() -> None:
    text = "def build(channels, outputs, dim):\n    return nn.Conv3d(channels, outputs, 3, padding=1)"
    cube = pk.Experiment(pk.Poisson(7, dim=3), pk.Network(text), **SMALL)
    assert np.isfinite(pk.Solver(cube).run().loss).all()
    flat = pk.Experiment(pk.Poisson(16), pk.Network(text.replace("3d", "2d")), head="galerkin", **SMALL)
    assert flat.outputs == 6 and np.isfinite(pk.Solver(flat).run().loss).all()


def test_a_coarse_grid_is_left_out_where_it_is_below_the_least() -> None:
    text = body("return self.a(x) if x.shape[2] > 40 else 1 / 0")
    assert pk.Experiment(generator=pk.Network(text, least=41)).plan == ((64, 1600),)
    with pytest.raises(ValueError, match="ZeroDivisionError in line 8"):
        pk.Experiment(generator=pk.Network(text))
    with pytest.raises(ValueError, match="give another least="):
        pk.Experiment(pk.Poisson(32), pk.Network(text, least=41))


def test_each_grid_of_the_plan_is_tried() -> None:
    """A layer that knows the size of the coarse grid fails on the fine one, and is told before the first step."""
    with pytest.raises(
        ValueError, match=r"a module that takes \(1, 1, 64, 64\), torch.float32, got RuntimeError"
    ):
        pk.Experiment(generator=pk.Network(body("return self.b(self.a(x))", "self.b = nn.Linear(32, 32)")))


def test_the_global_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    pk.Experiment(pk.Poisson(16), pk.Network(body("return self.a(x) + 0")))
    assert torch.equal(torch.rand(1), expected)


CONVOLUTION = "def build(channels, outputs, dim):\n    return nn.Conv2d(channels, outputs, 3)"
COMPLEX = "self.b = nn.Parameter(torch.ones(1, dtype=torch.cfloat))"
CHANCE = "import random; self.a.weight.data.mul_(random.random())"
LAZY = "def build(channels, outputs, dim):\n    return nn.LazyConv2d(1, 3, padding=1)"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda channels, outputs, dim: nn.Identity(), "made by def"),
        (nn.Conv2d, "network: expected a function made by def"),
        ("def build(channels, outputs):\n    return 1", r"expected `def build\(channels, outputs, dim\):`"),
        ("def build(channels, outputs, dim):\n    return np.ones(3)", r"names of its own and torch.*got np in"),
        ("def build(channels, outputs, dim):\n    return 3", "an nn.Module, got int from line 2: return 3"),
        ("def build(channels, outputs, dim):\n    return nn.Relu()", "AttributeError in line 2: return nn.Relu"),
        (CONVOLUTION, r"\(3, 1, 16, 16\), got \(3, 1, 14, 14\)"),
        ("def build(channels, outputs, dim):\n    return nn.Identity()", "a module with parameters, got none"),
        (LAZY, "parameters of known shape, got weight"),
        (body("return self.a(x)[:, 0]"), r"fields of shape \(3, 1, 16, 16\), got \(3, 16, 16\)"),
        (body("return self.a(x), x"), "a tensor, got tuple of Net"),
        (body("return self.a(x).log()"), "finite numbers, got nan"),
        (body("return self.a(x).float()"), "torch.float64, as its input is, got torch.float32"),
        (body("return self.a(x, x)"), r"takes \(3, 1, 16, 16\), torch.float64, got TypeError in line 8"),
        (body("return self.b(self.a(x))", "self.b = nn.Linear(8, 16)"), "RuntimeError in line 8"),
        (body("return self.a(x)", "self.b = nn.Linear(2, 2)"), r"none for b.weight, b.bias; leave out"),
        (body("return self.a(x)", "self.a.bias.requires_grad = False"), r"none for a.bias"),
        (body("return self.a(x).detach()"), "none for a.weight, a.bias"),
        (body("return (self.a(x) * 0).sqrt()"), r"finite gradients .*got a.weight"),
        (body("return self.a(x) if len(x) else x * 1"), r"\(a rank may be without samples\), got none for a.weight"),
        (body("return self.a(x) / len(x)"), "a sample that changes with how many there are"),
        (body("return self.a(x) - x.mean(0)"), "by itself, got a sample 1 that changes with sample 0 in Net"),
        (body("return self.b(self.a(x))", "self.b = nn.Softmax(0)"), r"sample 0 in b \(Softmax\)"),
        (body("return self.a(x) * (x.std() if self.training else 1)"), "changes with sample 0 in Net"),
        (body("return F.dropout(self.a(x), 0.1, self.training)"), "value in training; for noise use nn.Dropout"),
        (body("return self.a(x.relu_())"), "its input changed in place"),
        (body("return self.b(self.a(x).flatten()).view_as(x)", "self.b = nn.Dropout(0.1)"), "of 3 samples, got 768"),
        (body("return self.a(x + torch.rand(()))"), "got another value; for noise"),
        (body("return self.a(x)", CHANCE), "the same numbers when built again, got a.weight"),
        (body("return self.a(x) * self.b.real", COMPLEX), "real parameters, got b, torch.complex64"),
        (body("return self.b(self.a(x))", "self.b = nn.BatchNorm2d(1, affine=False)"), "got b = Batch"),
        (body("return self.b(self.a(x))", "self.b = nn.BatchNorm2d(1, momentum=None)"), "and a momentum"),
        (body("return self.b(self.a(x))", "self.b = nn.BatchNorm2d(1, 1e-5, 0.1, True, False)"), "running statistics"),
        (body("return self.b(self.a(x))", "self.b = nn.AlphaDropout(0.1)"), "channels, got b = Alpha"),
        (body("return self.b(self.a(x))", "self.b = nn.Dropout(1.0)"), "dropout: expected a number from 0 on, below 1"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_shown(given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Experiment(pk.Poisson(16), pk.Network(given))
