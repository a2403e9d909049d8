"""What a run needs of memory, against the tensors that a solver really has, and against a process."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

import pdekit as pk
from pdekit.train.memory import resident

module = sys.modules["pdekit.train.footprint"]
SMALL = {"samples": 6, "batch": 3, "steps": 4, "grids": "single"}
OWN = """
def build(channels, outputs, dim):
    layers = [nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Tanh(), nn.Conv2d(8, outputs, 1)]
    return nn.Sequential(*layers)
"""
GENERATORS = {
    "unet": pk.UNet(width=4, depth=2),
    "default": pk.UNet(),  # whose weights, put together, weigh more than a sample
    "padded": pk.UNet(width=4, depth=2, activation="silu"),
    "group": pk.UNet(width=4, depth=2, norm="group", activation="relu"),
    "fno": pk.FNO(width=4, modes=3, layers=2),
    "resnet": pk.ResNet(width=4),
    "own": pk.Network(OWN),
}


def kept(solver: pk.Solver, count: int) -> tuple[int, int]:
    """Bytes that the generator's forward of `count` real samples keeps, and of the largest tensor that these fill."""
    held = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    samples = solver.problem.samples(solver.drawn[:count], solver.dtype)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        solver.generator.train()(samples.inputs.contiguous(memory_format=torch.channels_last))
    own = {solver.reduction.parameters.untyped_storage().data_ptr()}
    sizes = [(tensor.untyped_storage().nbytes(), len(tensor)) for at, tensor in held.items() if at not in own]
    return sum(size for size, _ in sizes), max(size for size, length in sizes if length == count)


@pytest.mark.filterwarnings("ignore:Network")
@pytest.mark.parametrize("name", GENERATORS)
def test_activations_are_those_that_a_real_forward_keeps(name: str) -> None:
    """Fails if a tensor counts twice or with its views, if parameters count, or a norm or the padding is left out."""
    problem = pk.Poisson(33 if name == "padded" else 32)
    one = pk.Experiment(problem, GENERATORS[name], **SMALL)
    work = module.WORK if one.generator.channels_last else module.CONTIGUOUS
    for ranks, count in ((1, 3), (2, 2)):  # of two ranks one has two samples, and the other one
        whole, largest = kept(pk.Solver(one), count)
        assert pk.footprint(one, ranks).activations == pytest.approx(whole + work * largest, rel=0.03)


@pytest.mark.filterwarnings("ignore:Network")
def test_a_network_of_ones_own_may_keep_other_tensors_for_other_batches() -> None:
    """It is counted all the same. Fails if what one sample and two keep has to come in pairs."""
    text = """
def build(channels, outputs, dim):
    class Uneven(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(channels, outputs, 3, padding=1)

        def forward(self, x):
            y = self.layer(x)
            return y + 0 * y.tanh().sin() if len(x) > 1 else y

    return Uneven()
"""
    one = pk.Experiment(pk.Poisson(32), pk.Network(text), **SMALL)
    assert 0 < pk.footprint(one).activations < 10e6


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adamw", "lars", "soap", pk.LBFGS(memory=2), "newton-cg"], ids=str
)
def test_the_state_of_the_optimizer_is_what_it_holds(optimizer: object) -> None:
    """Beside it, an L-BFGS or conjugate gradients work on at most 7 vectors. Fails if a pair is one vector."""
    settings = SMALL | {"batch": 6, "samples": 6, "generator": pk.UNet(width=4, depth=2), "dtype": "float64"}
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), optimizer=optimizer, **settings))
    solver.run()
    held = sum(vector.nbytes for vector in solver.optimizer.state()[0].values())
    found, size = pk.footprint(solver.experiment), solver.reduction.parameters.nbytes
    assert found.parameters == 2 * size
    assert held <= found.optimizer + 0.1 * size and found.optimizer <= held + 7 * size
    if optimizer in ("sgd", "adamw", "lars"):
        assert found.optimizer == held


def test_ranks_share_what_they_share() -> None:
    """Fails if a sharded state is whole, if blocks have no messages of their own, or a last full batch is forgotten."""
    one = pk.Experiment(pk.Poisson(32), pk.UNet(width=4, depth=2), samples=40, batch=8)
    whole = pk.footprint(one)
    assert pk.footprint(replace(one, sharded=True), 4).optimizer == whole.optimizer // 4
    assert pk.footprint(one, 4).optimizer == whole.optimizer and pk.footprint(one, 4).loss == whole.loss // 4
    assert pk.footprint(replace(one, reproducible=True), 2).parameters == whole.parameters * 5 // 2
    plain = replace(one, generator=pk.ResNet(width=4))  # which keeps what the samples fill, and no more
    full = pk.footprint(replace(plain, optimizer=pk.Then()))
    assert full.activations == 5 * pk.footprint(plain).activations
    assert pk.footprint(str(one)) == whole
    with pytest.raises(ValueError, match="ranks: expected a whole number, at least 1"):
        pk.footprint(one, 0)
    with pytest.raises(ValueError, match="ranks: expected a whole number, between 1 and 8, got 9"):
        pk.footprint(replace(one, reproducible=True), 9)


def test_a_count_does_not_roll_back_what_others_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be made in a thread beside a training. Fails if the random state is put back at its end."""
    body, state = pk.UNet.body, torch.get_rng_state()

    def meanwhile(*given: object) -> object:
        torch.rand(1, device="cpu")
        return body(*given)

    monkeypatch.setattr(pk.UNet, "body", meanwhile)
    pk.footprint(pk.Experiment(pk.Poisson(32), pk.UNet(width=3, depth=2)))
    assert not torch.get_rng_state().equal(state)


def test_in_words() -> None:
    found = pk.Footprint(
        ranks=2, process=300_000_000, parameters=10**9, optimizer=10**9, activations=8 * 10**8, loss=0
    )
    assert found.total == 3_100_000_000 and str(found) == "about 3.1 GB on each of 2 ranks"
    assert str(replace(found, ranks=1, parameters=0, optimizer=0)) == "about 1.1 GB on one rank"
    assert (
        str(replace(found, ranks=1, parameters=0, optimizer=0, activations=0)) == "about 300 MB on one rank"
    )


def test_what_would_never_fit_is_counted_without_it() -> None:
    """Some hundred GB, of which nothing is there. Fails if a tensor has numbers."""
    pk.footprint(pk.Experiment(**SMALL))  # loads what the meta device needs
    before = resident()
    assert pk.footprint(pk.Experiment(pk.Poisson(1024), batch=128, samples=128)).total > 1e11
    assert resident() - before < 30e6


RUN = """
import sys, pdekit as pk
from pdekit.train.memory import resident
one = pk.Experiment.parse(sys.argv[1])
pk.Solver(one).run()
print(resident(), pk.footprint(one).total)
"""


def test_a_process_needs_what_was_foretold() -> None:
    """Within 30 %, all libraries included. Fails if activations are left out, or counted twice."""
    one = pk.Experiment(pk.Poisson(128), samples=12, batch=12, steps=2, grids="single")
    done = subprocess.run([sys.executable, "-c", RUN, str(one)], capture_output=True, text=True, check=True)
    found, foretold = map(int, done.stdout.split())
    assert foretold == pytest.approx(found, rel=0.3)
