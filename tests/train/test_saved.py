"""Saved generators: what is in the file, who may read it, and what becomes of a write that fails."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import nn

import pdekit as pk
from pdekit.train.seal import NOTE, seal

OWN = "def build(channels, outputs, dim):\n    return nn.Conv2d(channels, outputs, 3, padding=1)"


def solver(generator: object = None, steps: int = 2, **settings: object) -> pk.Solver:
    """One that has taken its steps."""
    generator = generator or pk.UNet(width=4, depth=2)
    made = pk.Solver(pk.Experiment(pk.Poisson(16), generator, samples=4, batch=2, steps=steps, **settings))
    made.run()
    return made


@pytest.fixture(scope="module")
def trained() -> pk.Solver:
    return solver(dtype="float64")


@pytest.fixture
def file(trained: pk.Solver, tmp_path: Path) -> Path:
    trained.save(tmp_path / "rocks.safetensors")
    return tmp_path / "rocks.safetensors"


def notes(file: Path) -> dict[str, str]:
    """The text in a file of safetensors, read by hand: eight bytes of length, then JSON."""
    raw = file.read_bytes()
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]


def put(file: Path, tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    """Write a file with a checksum that is right."""
    file.write_bytes(seal(save(tensors, about | NOTE)))


@pytest.mark.parametrize("settings", [{}, {"dtype": "float64"}, {"reproducible": True}, {"sharded": True}])
def test_a_loaded_generator_predicts_as_the_one_that_was_saved(settings: dict, tmp_path: Path) -> None:
    """Fails without the running statistics of the batch norms."""
    here = solver(**settings)
    here.save(tmp_path / "rocks.safetensors")
    there = pk.load(tmp_path / "rocks.safetensors")
    assert isinstance(there, pk.Trained) and there.experiment == here.experiment
    assert (there.steps, there.loss) == (2, here.history.loss[-1])
    held_out = here.experiment.problem.held_out(3)
    np.testing.assert_array_equal(there.predict(held_out), here.predict(held_out))
    np.testing.assert_array_equal(there.predict(7, resolution=32), here.predict(7, resolution=32))
    assert there.error(held_out) == here.error(held_out)
    assert list(tmp_path.iterdir()) == [tmp_path / "rocks.safetensors"]


def test_its_prediction_is_that_of_torchs_own_layers_with_the_tensors_of_the_file(file: Path) -> None:
    there = pk.load(file)
    plain = there.experiment.build(nn.BatchNorm2d).double().eval()
    missing, unknown = plain.load_state_dict(load_file(file), strict=False)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in missing)
    problem = there.experiment.problem
    samples = problem.sample([3])
    with torch.no_grad():
        u = problem.impose(plain(samples.inputs), samples)[0]
    np.testing.assert_allclose(there.predict(3), u, rtol=0, atol=1e-13)


def test_the_file_tells_where_it_comes_from(file: Path, trained: pk.Solver) -> None:
    its = notes(file)
    assert its["format"] == "pdekit-generator" and its["experiment"] == str(trained.experiment)
    assert (its["pdekit"], its["torch"], its["steps"]) == (pk.__version__, torch.__version__, "2")
    assert float(its["loss"]) == trained.history.loss[-1]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert pk.load(file).origin == {"model": "rocks.safetensors", "model_sha256": digest}


def test_a_generator_that_was_not_trained_yet_is_saved_too(tmp_path: Path) -> None:
    fresh = pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), steps=2))
    fresh.save(tmp_path / "fresh.safetensors")
    there = pk.load(tmp_path / "fresh.safetensors")
    assert there.steps == 0 and np.isnan(there.loss)


def test_it_is_loaded_without_mpi_and_without_a_cluster(file: Path) -> None:
    program = f"""
import sys
import pdekit as pk
print(pk.load({str(file)!r}).predict(3)[5, 5], sorted({{"mpi4py.MPI", "ipyparallel", "plotly"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split(maxsplit=1)[1] == "[]\n"
    assert float(done.stdout.split()[0]) == pytest.approx(pk.load(file).predict(3)[5, 5], rel=1e-12)


def test_functions_of_somebodys_own_are_run_only_if_asked_for(tmp_path: Path) -> None:
    here = solver(pk.Network(OWN))
    here.save(tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="read the functions in it, and pass code=True"):
        pk.load(tmp_path / "own.safetensors")
    np.testing.assert_array_equal(
        pk.load(tmp_path / "own.safetensors", code=True).predict(3), here.predict(3)
    )


@pytest.mark.parametrize("length", [0, 5, 100, 2000, -1])
def test_a_truncated_file_is_refused(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"rocks.safetensors: expected a whole file .*; copy it again"):
        pk.load(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": None}, "expected a generator saved by pdekit, got tensors without its notes"),
        ({"format": "checkpoint"}, "expected a generator saved by pdekit, got the format 'checkpoint'"),
        (
            {"number": "3", "pdekit": "9.1"},
            r"expected number 2 .*, got number 3, of pdekit 9.1; .* --upgrade",
        ),
        ({"experiment": None}, "got a file without experiment"),
        ({"experiment": "Experiment(speed=1)"}, "'speed'"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Path, change: dict[str, str | None], words: str) -> None:
    its = {key: value for key, value in {**notes(file), **change}.items() if value is not None}
    put(file, load_file(file), its)
    with pytest.raises(ValueError, match=words):
        pk.load(file)


@pytest.mark.parametrize("part", ["length", "notes", "digits of the checksum", "tensors"])
def test_a_bit_that_has_flipped_is_refused(file: Path, part: str) -> None:
    """Here and there in all of the file. Fails without the checksum, or with one of the tensors alone."""
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    digits = whole.index(b"crc32-") + 6
    places = {
        "length": range(8),
        "notes": range(8, start, 7),
        "digits of the checksum": range(digits, digits + 8),
        "tensors": range(start, len(whole), 997),
    }
    for k, place in enumerate(places[part]):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << k % 8]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"rocks\.safetensors: expected "):
            pk.load(file)
    file.write_bytes(whole)
    assert pk.load(file).steps == 2


def test_foreign_files_are_refused(file: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.safetensors"
    text.write_text("u = 1 - x\n" * 50)
    with pytest.raises(ValueError, match="expected a whole file"):
        pk.load(text)
    save_file(load_file(file), text)
    with pytest.raises(ValueError, match="tensors without its notes"):
        pk.load(text)
    for nothing in (tmp_path, tmp_path / "none", 3):
        with pytest.raises(ValueError, match=r"model: expected a file written by solver\.save"):
            pk.load(nothing)


def test_tensors_that_are_not_the_generators_are_refused(file: Path) -> None:
    its, tensors = notes(file), load_file(file)
    last = tensors["last.weight"]
    first = next(iter(tensors))
    for changed, words in (
        ({k: v for k, v in tensors.items() if k != first}, f"got a file without {first}"),
        ({**tensors, "more": last.clone()}, "got a file with more"),
        (
            {**tensors, "last.weight": last[:, :2].contiguous()},
            r"last.weight \(1, 4, 1, 1\), .* got .*\(1, 2, 1, 1\)",
        ),
        ({**tensors, "last.weight": last.float()}, r"torch.float64, got .* torch.float32"),
    ):
        put(file, changed, its)
        with pytest.raises(ValueError, match=words):
            pk.load(file)


def test_a_write_that_fails_leaves_the_old_file(
    file: Path, trained: pk.Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        trained.save(file)
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, trained: pk.Solver) -> None:
    for place in (tmp_path, tmp_path / "no" / "such", 3):
        with pytest.raises(ValueError, match="path: expected"):
            trained.save(place)
