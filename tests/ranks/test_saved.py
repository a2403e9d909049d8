"""Saved generators on ranks: the same files on 2 as on 1, one message for all, frozen parts with the same losses."""

from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

h5py = pytest.importorskip("h5py")
N = 16
EXPERIMENT = pk.Experiment(
    pk.Poisson(N), pk.UNet(width=4, depth=2), samples=4, batch=3, steps=4, dtype="float64"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A generator that two ranks have trained and saved; all of them were refused a bad place."""
    path = str(tmp_path_factory.mktemp("model") / "rocks.safetensors")
    first, second = on_ranks(2, "saved", experiment=str(EXPERIMENT), path=path)
    assert first == second and "path: expected a file in a folder" in first[0]
    return path


def test_two_ranks_save_what_one_does(model: str, tmp_path: Path) -> None:
    alone = pk.Solver(EXPERIMENT)
    alone.run()
    there = pk.load(model)
    assert there.steps == 4 and there.loss == pytest.approx(alone.history.loss[-1], rel=1e-12)
    np.testing.assert_allclose(there.predict(7), alone.predict(7), rtol=1e-10)


def test_two_ranks_write_the_fields_that_one_does(model: str, tmp_path: Path) -> None:
    """3 samples: at the end a rank has none. Fails if ranks' samples change places."""
    place = {"out": str(tmp_path / "2.h5"), "vtk": str(tmp_path / "2")}
    assert on_ranks(2, "applied", model=model, of=[5, 9, 6], **place) == ["3 samples"] * 2
    pk.load(model).apply([5, 9, 6], tmp_path / "1.h5", tmp_path / "1")
    with h5py.File(tmp_path / "1.h5") as one, h5py.File(tmp_path / "2.h5") as two:
        assert set(one) == set(two) and dict(one.attrs) == dict(two.attrs)
        for name in one:
            np.testing.assert_array_equal(one[name][()], two[name][()], err_msg=name)
    for image in (tmp_path / "1").iterdir():
        assert image.read_bytes() == (tmp_path / "2" / image.name).read_bytes()
    assert len(list((tmp_path / "2").iterdir())) == 3


def test_a_field_that_one_rank_cannot_read_ends_both_with_its_message(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "fields"
    folder.mkdir()
    for name in "abcd":
        np.save(folder / f"{name}.npy", np.ones((N, N)))
    bytes_of_b = (folder / "b.npy").read_bytes()
    (folder / "b.npy").write_bytes(bytes_of_b[:-8])  # the header is whole
    place = {"out": str(tmp_path / "u.h5"), "vtk": str(tmp_path / "v")}
    first, second = on_ranks(2, "applied", model=model, of=str(folder), **place)
    assert first == second and "b.npy: expected an array of numbers" in first
    assert not (tmp_path / "u.h5").exists()


def test_frozen_runs_from_a_file_have_the_same_losses_on_any_number_of_ranks(model: str) -> None:
    settings = {
        "samples": 4,
        "batch": 3,
        "steps": 4,
        "dtype": "float64",
        "start": model,
        "frozen": ("down.0", "up.1"),
    }
    ways = ({}, {"reproducible": True}, {"sharded": True}, {"overlap": True})
    texts = [
        str(pk.Experiment(pk.Poisson(N, seed=1), EXPERIMENT.generator, **settings, **way)) for way in ways
    ]
    serial, both = (on_ranks(ranks, "histories", experiments=texts)[0] for ranks in (1, 2))
    for losses, expected in zip(both, serial, strict=True):
        np.testing.assert_allclose(losses, expected, rtol=1e-10)
    np.testing.assert_array_equal(serial[1], both[1])
