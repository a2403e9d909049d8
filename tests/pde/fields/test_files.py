"""Fields from files: which are held out, what lies where, what lies in between, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from pdekit.pde.fields import FIRST_HELD_OUT, Folder, Images, files

pillow = pytest.importorskip("PIL.Image")
h5py = pytest.importorskip("h5py")


def of(field: Folder | Images, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """Field number `number` of the list at the nodes of `shape`."""
    return field.values(np.array([[float(number)]]), shape)[0]


def arrays(folder: Path, count: int, shape: tuple[int, ...] = (3, 4)) -> None:
    for k in range(count):
        np.save(folder / f"{k:02}.npy", np.full(shape, k + 1.0))


def picture(file: Path, grey: np.ndarray, **options: object) -> None:
    pillow.fromarray(grey).save(file, **options)


# Which fields


@pytest.mark.parametrize(("count", "kept"), [(2, 1), (9, 1), (16, 2), (24, 3)])
def test_the_last_fields_are_held_out_and_never_trained_on(tmp_path: Path, count: int, kept: int) -> None:
    arrays(tmp_path, count)
    field = Folder(str(tmp_path))
    trained = field.parameters(np.arange(3 * count), 0)
    held_out = field.parameters(FIRST_HELD_OUT + np.arange(3 * count), 0)
    np.testing.assert_array_equal(trained[:, 0], np.arange(3 * count) % (count - kept))
    np.testing.assert_array_equal(held_out[:, 0], count - kept + np.arange(3 * count) % kept)
    assert not set(trained[:, 0]) & set(held_out[:, 0])
    values = field.values(held_out, (2, 2))
    np.testing.assert_array_equal(values[:, 0, 0], held_out[:, 0] + 1)  # the value that this file was given


def test_held_out_is_a_setting(tmp_path: Path) -> None:
    arrays(tmp_path, 5)
    at = np.array([0, 4, FIRST_HELD_OUT, FIRST_HELD_OUT + 3])
    assert Folder(str(tmp_path), held_out=3).parameters(at, 0).ravel().tolist() == [0, 0, 2, 2]
    with pytest.raises(ValueError, match="held_out: expected a whole number, between 0 and 5, got 6"):
        Folder(str(tmp_path), held_out=6)
    none, all_of_them = Folder(str(tmp_path), held_out=0), Folder(str(tmp_path), held_out=5)
    assert none.parameters(np.array([4]), 0) == 4 and all_of_them.parameters(at[3:], 0) == 3
    with pytest.raises(ValueError, match="a field for held-out samples, got '5 of which 0 are held out'"):
        none.parameters(at, 0)
    with pytest.raises(ValueError, match="a field for training samples, got '5 of which 5 are held out'"):
        all_of_them.parameters(at, 0)


def test_one_field_is_for_training(tmp_path: Path) -> None:
    arrays(tmp_path, 1)
    field = Folder(str(tmp_path / "00.npy"))
    assert field.parameters(np.array([7]), 0) == 0
    with pytest.raises(ValueError, match="a field for held-out samples"):
        field.parameters(np.array([FIRST_HELD_OUT]), 0)


def test_files_are_in_the_order_of_their_names_and_others_are_left_alone(tmp_path: Path) -> None:
    for k, name in enumerate(["b.npy", "a.npy", "c.NPY"]):
        np.save(tmp_path / "one.npy", np.full((2, 2), k + 1.0))
        (tmp_path / "one.npy").rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a field")
    (tmp_path / "._a.npy").write_text("what a Mac leaves behind")
    assert [of(Folder(str(tmp_path)), k, (2, 2))[0, 0] for k in range(3)] == [2, 1, 3]


def test_hdf5_rows_are_fields_and_a_dataset_can_be_named(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).uniform(1, 2, (3, 4, 5)).astype(np.float32)
    with h5py.File(tmp_path / "many.h5", "w") as store:
        store["fields/nu"] = stack
    field = Folder(str(tmp_path))
    for k in range(3):
        np.testing.assert_array_equal(of(field, k, (4, 5)), stack[k])
    np.save(tmp_path / "z.npy", np.ones((2, 2)))
    assert Folder(str(tmp_path)).parameters(np.array([FIRST_HELD_OUT]), 0) == 3
    with h5py.File(tmp_path / "many.h5", "a") as store:
        store["u"] = -stack
    with pytest.raises(ValueError, match=r"many.h5: expected one dataset, got 'fields/nu, u'; name one"):
        Folder(str(tmp_path))
    np.testing.assert_array_equal(of(Folder(str(tmp_path), dataset="/fields/nu"), 2, (4, 5)), stack[2])
    with pytest.raises(ValueError, match=r"many.h5: expected a dataset 'v', got 'fields/nu, u'"):
        Folder(str(tmp_path), dataset="v")


# Values


@pytest.mark.parametrize("size", [(7,), (50, 99), (4, 3, 5)])
@pytest.mark.parametrize("nodes", [17, 3, 2])
def test_values_in_between_are_multilinear(tmp_path: Path, size: tuple[int, ...], nodes: int) -> None:
    values = np.random.default_rng(2).uniform(1, 2, size)
    np.save(tmp_path / "one.npy", values)
    shape = tuple(nodes + axis for axis in range(len(size)))
    oracle = RegularGridInterpolator([np.linspace(0, 1, n) for n in size], values)
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij"), axis=-1)
    field = Folder(str(tmp_path))
    np.testing.assert_allclose(of(field, 0, shape), oracle(points), rtol=1e-13)
    np.testing.assert_array_equal(of(field, 0, size), values)  # its own grid: its own bits


def test_any_real_numbers_are_read(tmp_path: Path) -> None:
    expected = np.arange(1, 13).reshape(3, 4)
    for k, kind in enumerate((">f4", "<f8", "i2", "u1", "f2")):
        np.save(tmp_path / f"{k}.npy", np.asfortranarray(expected.astype(kind)))
    field = Folder(str(tmp_path))
    for k in range(5):
        np.testing.assert_array_equal(of(field, k, (3, 4)), expected)


def test_pictures_are_upright_and_logarithmic(tmp_path: Path) -> None:
    grey = np.array([[255, 255], [51, 0]], dtype=np.uint8)  # white at the top, so at y = 1
    picture(tmp_path / "a.png", grey)
    values = of(Images(str(tmp_path), low=0.1, high=10.0), 0, (2, 2))
    np.testing.assert_allclose(values, [[10 ** (-1 + 2 * 0.2), 0.1], [10.0, 10.0]], rtol=1e-14)
    assert of(Images(str(tmp_path), low=1.0, high=3.0), 0, (3, 3))[0, 2] == 1.0


def test_pictures_of_every_kind_are_grey(tmp_path: Path) -> None:
    grey = np.array([[0, 255], [128, 64]], dtype=np.uint8)
    picture(tmp_path / "a.png", grey)
    picture(tmp_path / "b.png", np.repeat(grey[:, :, None], 3, axis=2))  # RGB
    picture(tmp_path / "c.PNG", grey.astype(np.uint16) * 257)  # 16 bits
    turned = pillow.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees clockwise
    picture(tmp_path / "d.png", np.rot90(grey).copy(), exif=turned)
    pillow.fromarray(grey).convert("P").save(tmp_path / "e.png")
    field = Images(str(tmp_path))
    for k in range(1, 5):
        np.testing.assert_allclose(of(field, k, (2, 2)), of(field, 0, (2, 2)), rtol=1e-14)
    flat = np.full((8, 16), 128, dtype=np.uint8)
    picture(tmp_path / "flat.jpg", flat)
    np.testing.assert_allclose(
        of(Images(str(tmp_path / "flat.jpg")), 0, (5, 5)), 10 ** (-1 + 256 / 255), rtol=0.02
    )


def test_a_picture_of_a_turned_camera_is_upright(tmp_path: Path) -> None:
    turned = pillow.Exif()
    turned[0x0112] = 8
    picture(tmp_path / "a.jpg", np.zeros((4, 9), dtype=np.uint8), exif=turned)
    field = Images(str(tmp_path))
    assert next(field.arrays(field.fields)).shape == (9, 4)


def test_a_relative_path_stays_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    arrays(tmp_path / "here", 2)
    monkeypatch.chdir(tmp_path)
    field = Folder(Path("here"))
    assert repr(field) == "Folder(path='here', positive=True, held_out=None, dataset='')"
    assert of(field, 1, (2, 2))[0, 0] == 2


# Refusals


def test_no_folder_and_no_files(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"path: expected a folder or a file \(.npy, .h5, .hdf5\), got 'nowhere'"
    ):
        Folder("nowhere")
    with pytest.raises(ValueError, match=f"a relative one starts at the working directory, now {Path.cwd()}"):
        Images("nowhere")
    with pytest.raises(
        ValueError, match=rf"{tmp_path}: expected fields in files .png, .jpg, .jpeg, got 'none'"
    ):
        Images(str(tmp_path))
    for nothing in ("", 3, None):
        with pytest.raises(ValueError, match="path: expected the path of a folder or a file"):
            Folder(nothing)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"expected a field of 1 to 3 dimensions, with 2 values or more along each, got \(\)"),
        ((2, 2, 2, 2), r"expected a field of 1 to 3 dimensions, .* got \(2, 2, 2, 2\)"),
        ((5, 1), r"expected a field of 1 to 3 dimensions, .* got \(5, 1\)"),
        ((3, 4, 5), r"expected 2 dimensions, as in .*00.npy, got \(3, 4, 5\)"),
    ],
)
def test_wrong_and_mixed_dimensions(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    arrays(tmp_path, 1)
    np.save(tmp_path / "bad.npy", np.ones(shape))
    with pytest.raises(ValueError, match=f"bad.npy: {message}"):
        Folder(str(tmp_path))


def test_one_field_in_an_hdf5_file_is_no_stack(tmp_path: Path) -> None:
    for name, shape in (("flat.h5", (4,)), ("empty.h5", (0, 4, 4))):
        with h5py.File(tmp_path / name, "w") as store:
            store["nu"] = np.ones(shape)
    with pytest.raises(ValueError, match=r"flat.h5: expected a dataset \(N, W\), .* got \(4,\)"):
        Folder(str(tmp_path / "flat.h5"))
    with pytest.raises(ValueError, match=r"empty.h5: expected fields in files .* got 'none'"):
        Folder(str(tmp_path / "empty.h5"))


def test_a_field_of_another_dimension_than_the_grid(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", np.zeros((4, 4), dtype=np.uint8))
    field = Images(str(tmp_path))
    assert field.dimensions == (2,)
    with pytest.raises(
        ValueError, match=r"shape of Images: expected a tuple of 2 numbers of nodes, got \(5, 5, 5\)"
    ):
        of(field, 0, (5, 5, 5))
    with pytest.raises(ValueError, match=r"parameters: expected numbers of fields, 0 to 0, got .*1.0"):
        of(field, 1, (5, 5))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -2.5])
@pytest.mark.parametrize("at_once", [True, False])
def test_bad_values_are_refused_with_file_place_and_value(
    tmp_path: Path, value: float, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the recipe is made, or when the field is read where there is much to read."""
    arrays(tmp_path, 3)
    bad = np.ones((3, 4))
    bad[1, 2] = value
    np.save(tmp_path / "01.npy", bad)
    monkeypatch.setattr(files, "CHECKED_AT_ONCE", 36 if at_once else 35)
    with pytest.raises(
        ValueError, match=rf"01.npy: expected finite values above 0, got '{value} at index \(1, 2\)'"
    ):
        field = Folder(str(tmp_path))
        assert not at_once
        of(field, 0, (5, 5))
        of(field, 1, (5, 5))
    if np.isfinite(value):
        assert not Folder(str(tmp_path), positive=False).positive
        assert of(Folder(str(tmp_path), positive=False), 1, (3, 4))[1, 2] == value
    else:
        with pytest.raises(ValueError, match=r"01\.npy: expected finite values, got"):
            of(Folder(str(tmp_path), positive=False), 1, (3, 4))


def test_the_place_in_an_hdf5_file_has_its_row(tmp_path: Path) -> None:
    stack = np.ones((3, 4, 5))
    stack[2, 3, 1] = -1.0
    with h5py.File(tmp_path / "many.hdf5", "w") as store:
        store["nu"] = stack
    with pytest.raises(ValueError, match=r"many.hdf5: expected .* got '-1.0 at index \(2, 3, 1\)'"):
        Folder(str(tmp_path))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((3, 3), dtype=complex), "expected real numbers, got 'complex128'"),
        (np.full((3, 3), "x"), "expected real numbers, got 'str32'"),
        (np.array([[1, None], [2, 3]]), "expected an array of numbers"),
    ],
)
def test_arrays_of_other_things(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=f"a.npy: {message}"):
        Folder(str(tmp_path))


@pytest.mark.parametrize("name", ["a.npy", "a.h5", "a.png"])
@pytest.mark.parametrize("content", [b"", b"nonsense", "half"])
def test_broken_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes | str) -> None:
    file, noise = tmp_path / name, np.random.default_rng(0).integers(1, 255, (64, 64), dtype=np.uint8)
    if content == "half":
        if name == "a.npy":
            np.save(file, noise)
        elif name == "a.png":
            picture(file, noise)
        else:
            with h5py.File(file, "w") as store:
                store["nu"] = noise
        content = file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(content)
    recipe = Images if name == "a.png" else Folder
    with pytest.raises(ValueError, match=f"{name}: expected an? (whole|array|HDF5|picture)"):
        recipe(str(tmp_path))


def test_pictures_without_a_white_are_refused(tmp_path: Path) -> None:
    pillow.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "a.tiff")
    (tmp_path / "a.tiff").rename(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: expected 8 or 16 bits per pixel, got 'mode F'"):
        Images(str(tmp_path))


@pytest.mark.parametrize(
    ("recipe", "bad"),
    [
        (Images, {"low": 0.0}),
        (Images, {"high": np.inf}),
        (Images, {"held_out": -1}),
        (Folder, {"held_out": 1.0}),
        (Folder, {"positive": 1}),
        (Folder, {"dataset": None}),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, recipe: type, bad: dict[str, object]) -> None:
    arrays(tmp_path, 2)
    picture(tmp_path / "a.png", np.zeros((4, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"):
        recipe(str(tmp_path), **bad)


def test_packages_for_files_are_loaded_when_used_and_named_when_missing(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", np.zeros((4, 4), dtype=np.uint8))
    with h5py.File(tmp_path / "a.h5", "w") as store:
        store["nu"] = np.ones((2, 3, 3))
    program = f"""
import sys
from pdekit.pde.fields import Folder, Images
assert not {{"PIL", "h5py"}} & set(sys.modules)
sys.modules["PIL"] = sys.modules["PIL.Image"] = sys.modules["h5py"] = None
for recipe in (Folder, Images):
    try:
        recipe({str(tmp_path)!r})
    except ModuleNotFoundError as missing:
        print(missing)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"fields from files: expected the package {package}, got 'none'; pip install pdekit[files]"
        for package in ("h5py", "Pillow")
    ]
