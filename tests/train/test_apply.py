"""A generator applied to many samples: what may be given, and what is in the files."""

import math
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import pdekit as pk
from pdekit.pde.fields import files

h5py = pytest.importorskip("h5py")
pytest.importorskip("pyevtk")

N = 16


def small(problem: object) -> pk.Solver:
    """A trained one."""
    solver = pk.Solver(pk.Experiment(problem, pk.UNet(width=4, depth=2), samples=4, batch=4, steps=2))
    solver.run()
    return solver


@pytest.fixture(scope="module")
def poisson(tmp_path_factory: pytest.TempPathFactory) -> pk.Trained:
    path = tmp_path_factory.mktemp("model") / "rocks.safetensors"
    small(pk.Poisson(N)).save(path)
    return pk.load(path)


def read(file: Path) -> dict[str, np.ndarray]:
    with h5py.File(file) as store:
        return {name: store[name][()] for name in store}


def image(file: Path) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
    """Extent, origin and spacing of a .vti, and its point data (points, components), x fastest."""
    header, _, raw = file.read_bytes().partition(b'<AppendedData encoding="raw">')
    raw = raw[raw.index(b"_") + 1 :]
    root = ElementTree.fromstring(header + b"</VTKFile>")
    assert (root.get("type"), root.get("byte_order"), root.get("header_type")) == (
        "ImageData",
        "LittleEndian",
        "UInt64",
    )
    its = root.find("ImageData")
    grid = {key: [float(x) for x in its.get(key).split()] for key in ("WholeExtent", "Origin", "Spacing")}
    points = {}
    for one in its.iter("DataArray"):
        assert one.get("type") == "Float64"
        at = int(one.get("offset"))
        (size,) = struct.unpack("<Q", raw[at : at + 8])
        values = np.frombuffer(raw[at + 8 : at + 8 + size], dtype="<f8")
        points[one.get("Name")] = values.reshape(-1, int(one.get("NumberOfComponents")))
    return grid, points


def test_results_hold_fields_data_coordinates_and_origin(poisson: pk.Trained, tmp_path: Path) -> None:
    out = tmp_path / "u.h5"
    assert poisson.apply(range(2, 5), out) == 3
    problem = poisson.experiment.problem
    with h5py.File(out) as store:
        np.testing.assert_array_equal(store["u"], poisson.predict([2, 3, 4]))
        np.testing.assert_array_equal(store["coefficient"], problem.coefficient([2, 3, 4]))
        for name in ("u", "coefficient"):
            stack = store[name]
            assert stack.dtype == "f8" and stack.chunks == (1, N, N) and stack.compression == "gzip"
            assert [one.label for one in stack.dims] == ["sample", "y", "x"]
            for axis in (1, 2):
                np.testing.assert_array_equal(stack.dims[axis][0], np.arange(N) / (N - 1))
                assert stack.dims[axis][0].name == "/" + "-yx"[axis]
        assert store["source"].asstr()[:].tolist() == ["sample 2", "sample 3", "sample 4"]
        about = dict(store.attrs)
    assert about == {"experiment": str(poisson.experiment), "pdekit": pk.__version__, **poisson.origin}
    assert list(tmp_path.iterdir()) == [out]


def test_every_source_of_the_same_field_gives_the_same_u(poisson: pk.Trained, tmp_path: Path) -> None:
    stack = poisson.experiment.problem.coefficient([7, 8])
    np.save(tmp_path / "one.npy", stack[0])
    (tmp_path / "folder").mkdir()
    for name, field in zip("ba", stack, strict=True):
        np.save(tmp_path / "folder" / f"{name}.npy", field)
    with h5py.File(tmp_path / "two.h5", "w") as store:
        store["k"], store["more/other"] = stack, stack[:1]
    u = poisson.predict([7, 8])
    asked = {
        "index": (7, {}, u[:1], ["sample 7"]),
        "array": (stack[0], {}, u[:1], ["array 0"]),
        "arrays": (stack, {}, u, ["array 0", "array 1"]),
        "file": (tmp_path / "one.npy", {}, u[:1], ["one.npy"]),
        "folder": (str(tmp_path / "folder"), {}, u[::-1], ["a.npy", "b.npy"]),
        "store": (tmp_path / "two.h5", {"dataset": "k"}, u, ["two.h5 k[0]", "two.h5 k[1]"]),
    }
    for name, (of, settings, expected, sources) in asked.items():
        assert poisson.apply(of, tmp_path / "u.h5", **settings) == len(expected)
        found = read(tmp_path / "u.h5")
        np.testing.assert_array_equal(found["u"], expected, err_msg=name)
        assert [one.decode() for one in found["source"]] == sources


def test_fields_on_other_grids_are_linear_between_their_values(poisson: pk.Trained, tmp_path: Path) -> None:
    x = np.linspace(0, 1, 5)
    np.save(tmp_path / "slope.npy", np.broadcast_to(1 + x, (9, 5)))
    poisson.apply(tmp_path / "slope.npy", tmp_path / "u.h5", resolution=32)
    found = read(tmp_path / "u.h5")
    expected = np.broadcast_to(1 + np.linspace(0, 1, 32), (32, 32))
    np.testing.assert_allclose(found["coefficient"][0], expected, rtol=1e-15)
    np.testing.assert_allclose(found["u"][0], poisson.predict(found["coefficient"][0], 32), rtol=0, atol=0)
    assert len(found["x"]) == 32


@pytest.mark.parametrize(
    ("of", "settings", "words"),
    [
        (np.ones((4, 4)), {}, "coefficient: expected an array of shape"),
        (np.ones((0, N, N)), {}, "samples: expected one or more"),
        ([-1], {}, "samples: expected"),
        ([], {}, "expected"),
        (-np.ones((N, N)), {}, "finite values above 0"),
        (3, {"dataset": "k"}, "dataset: expected none"),
        (3, {"resolution": 6}, "nearest size"),
        (3, {"resolution": 0}, "resolution: expected"),
        ("no/such/folder", {}, "path: expected a folder or a file"),
        ("wrong", {}, r"fields of the coefficient ν with 2 axes, got \(4, 4, 4\)"),
    ],
)
def test_what_is_not_of_this_problem_is_refused(
    poisson: pk.Trained,
    of: object,
    settings: dict,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong").mkdir()
    np.save("wrong/cube.npy", np.ones((4, 4, 4)))
    with pytest.raises(ValueError, match=words):
        poisson.apply(of, "u.h5", **settings)
    assert [one.name for one in tmp_path.iterdir()] == ["wrong"]


def test_a_bad_field_on_the_way_leaves_the_old_file(
    poisson: pk.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        files, "CHECKED_AT_ONCE", 0
    )  # as for a folder that is too large to be looked at before
    for name, value in (("a", 1.0), ("b", -1.0)):
        (tmp_path / "in").mkdir(exist_ok=True)
        np.save(tmp_path / "in" / f"{name}.npy", np.full((N, N), value))
    (tmp_path / "u.h5").write_text("old")
    with pytest.raises(ValueError, match=r"b.npy: expected finite values above 0, got '-1.0 at index"):
        poisson.apply(tmp_path / "in", tmp_path / "u.h5")
    assert (tmp_path / "u.h5").read_text() == "old"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "u.h5"]


def test_places_that_cannot_be_written_are_refused(poisson: pk.Trained, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="out: expected a file in a folder that can be written"):
        poisson.apply(3, tmp_path / "no" / "u.h5")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="vtk: expected a folder that can be made"):
        poisson.apply(3, tmp_path / "u.h5", vtk=tmp_path / "file")


def test_without_the_packages_it_says_what_to_install(
    poisson: pk.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "h5py", None)
        with pytest.raises(
            ModuleNotFoundError, match=r"results in HDF5: .* h5py.* pip install pdekit\[files\]"
        ):
            poisson.apply(3, tmp_path / "u.h5")
    monkeypatch.setitem(sys.modules, "pyevtk.hl", None)
    with pytest.raises(ModuleNotFoundError, match="files for ParaView: expected the package pyevtk"):
        poisson.apply(3, tmp_path / "u.h5", vtk=tmp_path / "v")
    assert list(tmp_path.iterdir()) == []


def test_samples_are_computed_one_at_a_time(
    poisson: pk.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    predict = poisson.predict
    monkeypatch.setattr(poisson, "predict", lambda of, n: seen.append(np.shape(of)) or predict(of, n))
    poisson.apply(range(3), tmp_path / "u.h5")
    assert seen == [(N, N)] * 3


PROBLEMS = {  # -> axes slowest first, (first, last) coordinate of each, components
    pk.Poisson(N): ({"y": (0, 1), "x": (0, 1)}, 1),
    pk.Poisson(N, dim=3): ({"z": (0, 1), "y": (0, 1), "x": (0, 1)}, 1),
    pk.Burgers(N, final=0.3): ({"t": (0, 0.3), "x": (0.5 / N, 1 - 0.5 / N)}, 1),
    pk.Elasticity(N): ({"y": (0, 1), "x": (0, 1)}, 2),
    pk.Cavity(N): ({"y": (0, 1), "x": (0, 1)}, 1),
}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{type(p).__name__}-{p.dim}")
def test_coordinates_and_images_of_every_kind_of_problem(problem: pk.Poisson, tmp_path: Path) -> None:
    axes, components = PROBLEMS[problem]
    solver = small(problem)
    solver.apply([3, 4], tmp_path / "u.h5", vtk=tmp_path / "images")
    found = read(tmp_path / "u.h5")
    for name, (first, last) in axes.items():
        np.testing.assert_allclose(found[name], np.linspace(first, last, N), rtol=1e-14)
    with h5py.File(tmp_path / "u.h5") as store:
        inner = [*axes] if components == 1 else ["", *axes]
        assert [one.label for one in store["u"].dims] == ["sample", *inner]
        of_data = {"Burgers": ["x"], "Cavity": [""]}.get(type(problem).__name__, list(axes))
        assert [one.label for one in store["coefficient"].dims] == ["sample", *of_data]
    assert sorted(one.name for one in (tmp_path / "images").iterdir()) == ["u-000000.vti", "u-000001.vti"]

    grid, points = image(tmp_path / "images" / "u-000001.vti")
    spans = list(axes.values())[::-1] + [None] * (3 - len(axes))
    assert grid["WholeExtent"] == [n for span in spans for n in (0, N - 1 if span else 0)]
    np.testing.assert_allclose(grid["Origin"], [span[0] if span else 0 for span in spans])
    np.testing.assert_allclose(
        grid["Spacing"], [(span[1] - span[0]) / (N - 1) if span else 1 for span in spans]
    )
    u, c = found["u"][1].reshape(components, -1), found["coefficient"][1]
    assert points["u"].shape == (math.prod([N] * len(axes)), 1 if components == 1 else 3)
    np.testing.assert_array_equal(points["u"][:, :components], u.T)
    np.testing.assert_array_equal(points["u"][:, components:], 0)
    np.testing.assert_array_equal(points["coefficient"][:, 0], np.broadcast_to(c, [N] * len(axes)).ravel())


def test_an_initial_condition_on_other_cells_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.zeros(2 * N))
    solver = small(pk.Burgers(N))
    with pytest.raises(ValueError, match=r"fields of the initial condition, \(16,\), got .*resolution=32"):
        solver.apply(tmp_path / "b.npy", tmp_path / "u.h5")
    assert solver.apply(tmp_path / "b.npy", tmp_path / "u.h5", resolution=2 * N) == 1
