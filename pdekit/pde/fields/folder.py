"""Fields from arrays: NumPy and HDF5 files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdekit import checks
from pdekit.pde.fields.files import Entry, Files, optional

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class Folder(Files):
    """The arrays of a folder, or of one file: one field in each `.npy`, N in a dataset (N, H, W) of `.h5` or `.hdf5`.

    Fields may be (W,), (H, W) or (D, H, W), all of as many dimensions, on grids of any size: the first and last values
    of an axis are at 0 and 1, row 0 at y = 0, and values are linear in between. `path` is kept as given: a relative one
    starts at the working directory of each process. `positive` says that all values are above 0, and refuses others.
    `dataset` names the one to read in HDF5 files that have several. The last `held_out` fields, by name of the file and
    row, are never trained on (None: one in eight, one at least if there are two or more). ValueError if there is no
    field, or one is not finite real numbers; a folder of more than 2^22 numbers is read as needed, and refused then.
    """

    path: str
    positive: bool = True
    held_out: int | None = None
    dataset: str = ""

    suffixes = (".npy", ".h5", ".hdf5")

    def __post_init__(self) -> None:
        if not isinstance(self.positive, bool | np.bool_):
            raise checks.refuse("positive", "True or False", self.positive, "choose one of these")
        if not isinstance(self.dataset, str):
            raise checks.refuse("dataset", "a name, or ''", self.dataset, "give it as text")
        checks.settle(self, positive=bool(self.positive), dataset=str(self.dataset))
        self.settle_files()

    def entries(self, file: str) -> list[Entry]:
        """The one field of a `.npy` file, or all of an HDF5 file."""
        if _is_numpy(file):
            return [Entry(file, _real(_array(file), file).shape)]
        with _store(file) as store:
            name = self._dataset(store, file)
            stack = _real(store[name], file)
            if not 2 <= len(stack.shape) <= 4:
                expected = "a dataset (N, W), (N, H, W) or (N, D, H, W)"
                raise checks.refuse(file, expected, stack.shape, "stack the fields along a first axis")
            return [Entry(file, stack.shape[1:], row, name) for row in range(stack.shape[0])]

    def read(self, file: str, entries: Sequence[Entry]) -> Iterator[np.ndarray]:
        """The values of fields of `file` on their own grids."""
        if _is_numpy(file):
            for _ in entries:
                yield np.array(_array(file), dtype=np.float64, order="C")
            return
        with _store(file) as store:
            for entry in entries:
                yield _row(store, entry)

    def _dataset(self, store: "h5py.File", file: str) -> str:
        """The name of the dataset to read in an open HDF5 file: as set, or the only one; ValueError otherwise."""
        found: list[str] = []
        store.visititems(lambda name, item: found.append(name) if hasattr(item, "dtype") else None)
        wanted = self.dataset.strip("/")
        if wanted in found:
            return wanted
        if wanted or len(found) != 1:
            expected = f"a dataset {wanted!r}" if wanted else "one dataset"
            remedy = "name one, dataset='...'" if found else "write one into it"
            raise checks.refuse(file, expected, ", ".join(found) or "none", remedy)
        return found[0]


def _is_numpy(file: str) -> bool:
    return file.lower().endswith(".npy")


def _array(file: str) -> np.ndarray:
    """The array of a `.npy` file, of which nothing but the header is read yet; ValueError if it is none."""
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise checks.refuse(file, "an array of numbers", str(error), "save it again with np.save") from error


def _store(file: str) -> "h5py.File":
    """The opened HDF5 file; ValueError if it is none."""
    h5py = optional("h5py", "h5py")
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise checks.refuse(file, "an HDF5 file", str(error), "save it again, or leave it out") from error


def _row(store: "h5py.File", entry: Entry) -> np.ndarray:
    """The values of `entry` in its opened HDF5 file; ValueError if they cannot be read."""
    try:
        return np.asarray(store[entry.dataset][entry.row], dtype=np.float64)
    except OSError as error:
        raise checks.refuse(entry.file, f"a whole row {entry.row}", str(error), "save it again") from error


def _real(array: "np.ndarray | h5py.Dataset", file: str) -> "np.ndarray | h5py.Dataset":
    """`array` if it holds real numbers; ValueError otherwise."""
    if array.dtype.kind not in "iuf":
        raise checks.refuse(file, "real numbers", array.dtype.name, "convert them to float64")
    return array
