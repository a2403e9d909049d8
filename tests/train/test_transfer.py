"""Runs that start from a trained generator: what is taken, what starts fresh, what stays, and what it is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import pdekit as pk

SMALL = {"generator": pk.UNet(width=4, depth=2), "samples": 8, "batch": 4, "grids": "single"}
MORE = {"samples": 64, "batch": 8}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A generator trained on 16 x 16 nodes."""
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), steps=150, **(SMALL | MORE)))
    solver.run()
    path = tmp_path_factory.mktemp("start") / "rocks.safetensors"
    solver.save(path)
    return str(path)


def solver(problem: pk.Poisson | None = None, **settings: object) -> pk.Solver:
    return pk.Solver(pk.Experiment(problem or pk.Poisson(16), **(SMALL | {"steps": 4} | settings)))


def state(one: pk.Solver) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in one.generator.state_dict().items()}


@dataclass(frozen=True)
class Two(pk.Poisson):
    """Its generator sees the coefficient twice."""

    channels: ClassVar[int] = 2

    def inputs(self, data: np.ndarray) -> np.ndarray:
        return np.repeat(super().inputs(data), 2, axis=1)


@pytest.mark.parametrize("settings", [{}, {"dtype": "float64"}, {"reproducible": True}, {"sharded": True}])
def test_a_run_starts_with_the_numbers_of_the_file_on_any_grid(start: str, settings: dict) -> None:
    """Running statistics included, in all copies of the network."""
    one = solver(pk.Poisson(32), start=start, **settings)
    for module in one.reduction.modules:
        found = module.state_dict()
        for name, tensor in load_file(start).items():
            torch.testing.assert_close(found[name], tensor.to(found[name].dtype), rtol=0, atol=0)
    np.testing.assert_allclose(one.predict(3), pk.load(start).predict(3, resolution=32), atol=1e-5)


@pytest.mark.parametrize("problem", [pk.Poisson(32), pk.Poisson(16, seed=5, eta=0.3)])
def test_few_steps_from_a_trained_start_beat_the_same_from_scratch(start: str, problem: pk.Poisson) -> None:
    held_out = problem.held_out(8)
    errors = {}
    for begin in (None, start):
        one = solver(problem, start=begin, steps=20, **MORE)
        one.run()
        errors[begin] = one.error(held_out)
    assert errors[start] < 0.8 * errors[None]  # measured: 0.60 and 0.27


def test_frozen_parts_keep_their_numbers_and_are_not_in_the_vector(start: str) -> None:
    """Fails if their batch norms take part in training."""
    one = solver(start=start, frozen=("down", "body.up.1"), dtype="float64")
    before = state(one)
    of_parts = ("body.down.", "body.up.1.")
    sizes = [p.numel() for name, p in one.generator.named_parameters() if not name.startswith(of_parts)]
    assert (
        one.parameters == len(one.reduction.parameters) == len(one.reduction.flats[0].gradient) == sum(sizes)
    )
    losses = one.run().loss
    after = state(one)
    for name in before:
        assert torch.equal(before[name], after[name]) == name.startswith(of_parts), name
    # the same, where nothing is frozen, but for the rate: a frozen batch norm does not look at its batch
    assert not np.allclose(losses, solver(start=start, dtype="float64").run().loss, rtol=1e-6)


@pytest.mark.parametrize("frozen", [(), ("down.0",)])
def test_who_looks_between_steps_changes_nothing(frozen: tuple[str, ...]) -> None:
    """Predictions, errors, and a mode set by hand. Fails if a step trains as one predicts, or trains frozen parts.

    Dropout and batch norm, whose running statistics have to move, but for those of frozen parts.
    """
    settings = {"generator": pk.UNet(width=4, depth=2, dropout=0.2), "frozen": frozen, "dtype": "float64"}
    alone, watched = solver(**settings), solver(**settings)
    before = state(watched)
    for look in (lambda: watched.predict(0), lambda: watched.error([1]), watched.generator.train):
        watched.advance(1), look()
    np.testing.assert_array_equal(watched.run().loss, alone.run().loss)
    after, expected = state(watched), state(alone)
    for name, tensor in after.items():
        assert torch.equal(tensor, expected[name]), name
        stays = any(name.startswith(f"body.{part}.") for part in frozen)
        assert torch.equal(tensor, before[name]) == stays, name


def test_a_gradient_beside_frozen_parts_is_that_of_the_whole(start: str) -> None:
    """At norms without statistics: by torch on the loss of all samples, without any of the solver's vectors."""
    recipe = pk.UNet(width=4, depth=2, norm="group")
    one = solver(generator=recipe, frozen=("down.1",), dtype="float64", batch=8, steps=1, head="plain")
    with torch.no_grad():  # the last layer is zero at the start
        one.generator.last.weight.normal_(generator=torch.Generator().manual_seed(0))
    samples = one.problem.sample(range(8))
    alone = one.experiment.build(lambda c: torch.nn.GroupNorm(min(c, 8), c)).double()
    alone.load_state_dict(one.generator.state_dict())
    one.problem.losses(one.problem.impose(alone(samples.inputs), samples), samples).log().mean().backward()
    expected = [p.grad for name, p in alone.named_parameters() if not name.startswith("body.down.1.")]
    one.run()
    flat = one.reduction.flats[0]
    for found, of_torch in zip(flat.split(flat.gradient), expected, strict=True):
        torch.testing.assert_close(found, of_torch, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "generator",
    [
        pk.UNet(width=4, depth=2),
        pk.EncoderDecoder(width=4, depth=2),
        pk.ResNet(width=4, blocks=2),
        pk.FNO(width=4),
    ],
)
def test_other_channels_or_outputs_start_that_layer_fresh_and_one_warning_says_so(
    generator: object, tmp_path: Path
) -> None:
    small = {"generator": generator}
    path = tmp_path / "rocks.safetensors"
    here = solver(**small)
    here.run()
    here.save(path)
    fresh = solver(Two(16), **small)
    with pytest.warns(UserWarning, match=r"start: rocks.safetensors .* starts fresh") as caught:
        one = solver(Two(16), start=str(path), **small)
    assert len(caught) == 1
    its, ours, scratch = load_file(path), state(one), state(fresh)
    others = [name for name in its if its[name].shape != ours[name].shape]
    assert len(others) == 1
    layer = others[0].rpartition(".")[0] + "."
    for name, tensor in ours.items():
        assert torch.equal(tensor, (scratch if name.startswith(layer) else its)[name]), name
    outputs = {"head": pk.Galerkin(basis=2, cells=2)}
    with pytest.warns(UserWarning, match=r"last.weight \(\(1, .*\) there, \(2, .*\) here\) starts fresh"):
        one = solver(start=str(path), **small, **outputs)
    assert np.isfinite(one.run().loss).all()


def test_what_does_not_fit_is_refused(start: str, tmp_path: Path) -> None:
    for other in (pk.UNet(width=8, depth=2), pk.UNet(width=4, depth=2, activation="tanh"), pk.ResNet()):
        with pytest.raises(
            ValueError, match=r"expected (UNet|ResNet)\(.* got UNet\(.*take the generator of the file"
        ):
            solver(start=start, generator=other)
    with pytest.raises(ValueError, match=r"on grids of 3 axes, got .* on grids of 2"):
        solver(pk.Poisson(16, dim=3), start=start)
    with pytest.raises(ValueError, match="model: expected a file written by"):
        solver(start=str(tmp_path / "none"))
    assert solver(start=start, generator=pk.UNet(width=4, depth=2, dropout=0.1)).run().loss.size  # fits


def test_a_network_of_ones_own_whose_middle_does_not_fit_is_refused_with_both_shapes(tmp_path: Path) -> None:
    code = """
def build(channels, outputs, dim):
    wide = 4 * outputs
    return nn.Sequential(nn.Conv2d(channels, wide, 3, padding=1), nn.Conv2d(wide, wide, 1), nn.Conv2d(wide, outputs, 1))
"""
    path = tmp_path / "own.safetensors"
    small = {"generator": pk.Network(code)}
    solver(**small).save(path)
    assert solver(start=str(path), **small).parameters
    with pytest.raises(ValueError, match=r"expected 1.weight \(8, 8, 1, 1\), got 1.weight \(4, 4, 1, 1\)"):
        solver(start=str(path), head=pk.Galerkin(basis=2, cells=2), **small)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frozen": ("down.7",)}, r"parts of its network, such as down, down.0, .*, last, got 'down.7'"),
        ({"frozen": ("body", "last")}, "parts that leave something to train"),
        ({"frozen": "down.0"}, r"frozen: expected names of parts, got 'down.0'; give frozen=\('down.0',\)"),
        ({"frozen": (0,)}, "frozen: expected names of parts"),
        ({"start": 3}, "start: expected the path of a saved generator"),
    ],
)
def test_wrong_names_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        solver(**settings)


def test_both_are_in_the_one_line_of_text(start: str) -> None:
    one = solver(start=start, frozen=["down.0"]).experiment
    assert one.frozen == ("down.0",) and pk.Experiment.parse(str(one)) == one


def test_a_checkpoint_holds_what_is_frozen_and_needs_no_start(tmp_path: Path) -> None:
    """The file that a run started from may be gone when it is resumed."""
    setting = {"samples": 4, "batch": 2, "dtype": "float64"}
    first = pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), steps=3, **setting))
    first.run()
    first.save(tmp_path / "start.safetensors")
    start = str(tmp_path / "start.safetensors")
    experiment = pk.Experiment(
        pk.Poisson(16, seed=1), pk.UNet(width=4, depth=2), steps=6, start=start, frozen=("down.0",), **setting
    )
    expected = pk.Solver(experiment).run().loss
    half = pk.Solver(experiment, checkpoints=tmp_path / "run")
    half.advance(3)
    half.checkpoint()
    (tmp_path / "start.safetensors").unlink()
    again = pk.Solver.resume(tmp_path / "run")
    assert again.experiment == experiment and again.history.experiment == str(experiment)
    np.testing.assert_allclose(again.run().loss, expected, rtol=0, atol=1e-12)
