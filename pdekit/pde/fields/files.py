"""Fields from files of your own: which files there are, which are held out, and their values at any nodes."""

import math
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from pdekit import checks
from pdekit.pde.fields.field import FIRST_HELD_OUT, Field, check_indices

CHECKED_AT_ONCE = 2**22  # numbers: folders up to this size are read whole when the recipe is made


class Entry(NamedTuple):
    """One field of a file, as its header tells."""

    file: str
    shape: tuple[int, ...]  # as stored
    row: int | None = None  # its number in a file of several
    dataset: str = ""  # where it is in such a file


class Files(Field):
    """What `Images` and `Folder` share: a list of fields in files, of which the last `held_out` are never trained on.

    A recipe of this kind is a frozen dataclass with the settings `path` and `held_out`; it says how to list the fields
    of a file and how to read one. The parameters are the number of the field in the list, (B, 1); the seed plays no
    part. Training sample i is field i modulo the number of those that are not held out, and sample FIRST_HELD_OUT + i
    is held-out field i modulo their number.
    """

    path: str
    held_out: int | None
    suffixes: tuple[str, ...]

    @abstractmethod
    def entries(self, file: str) -> list[Entry]:
        """The fields of `file`, from its header alone. ValueError if there is none, or not of numbers on a grid."""

    @abstractmethod
    def read(self, file: str, entries: Sequence[Entry]) -> Iterator[np.ndarray]:
        """The values of each of `entries`, all of one `file`, on its own grid: float64, row 0 at y = 0."""

    def arrays(self, entries: Iterable[Entry]) -> Iterator[np.ndarray]:
        """The checked values of each of `entries` on its own grid; a file is opened once for a run of its fields."""
        for file, run in groupby(entries, key=lambda entry: entry.file):
            run = list(run)
            for entry, values in zip(run, self.read(file, run), strict=True):
                yield self.check(values, entry)

    def check(self, values: np.ndarray, entry: Entry) -> np.ndarray:
        """`values` of `entry` if they are finite, and above 0 where the recipe is `positive`; ValueError otherwise."""
        bad = ~(np.isfinite(values) & (values > 0)) if self.positive else ~np.isfinite(values)
        if bad.any():
            place = tuple(int(k) for k in np.argwhere(bad)[0])
            whole_place = place if entry.row is None else (entry.row, *place)
            expected = "finite values above 0" if self.positive else "finite values"
            remedy = "mend or leave out this field"
            or_else = ", or say positive=False" if np.isfinite(values[place]) else ""
            raise checks.refuse(
                entry.file, expected, f"{values[place]} at index {whole_place}", remedy + or_else
            )
        return values

    def settle_files(self) -> None:
        """Check `path`, `held_out` and the files, and their values too where they are few; ValueError otherwise."""
        if not isinstance(self.path, str | os.PathLike) or not os.fspath(self.path):
            raise checks.refuse("path", "the path of a folder or a file", self.path, "give it as text")
        checks.settle(self, path=os.fspath(self.path))
        most = len(self.fields)
        if self.held_out is not None:
            checks.settle(self, held_out=checks.whole("held_out", self.held_out, least=0, most=most))
        if sum(math.prod(entry.shape) for entry in self.fields) <= CHECKED_AT_ONCE:
            for _ in self.arrays(self.fields):
                pass

    @cached_property
    def fields(self) -> tuple[Entry, ...]:
        """All fields, in the order of the names of their files. ValueError without any, or if they are not alike."""
        root, wanted = Path(self.path), ", ".join(self.suffixes)
        if not root.exists():
            remedy = f"check the path; a relative one starts at the working directory, now {os.getcwd()}"
            raise checks.refuse("path", f"a folder or a file ({wanted})", self.path, remedy)
        files = sorted(root.iterdir()) if root.is_dir() else [root]
        files = [one for one in files if one.suffix.lower() in self.suffixes and not one.name.startswith(".")]
        found = [entry for file in files for entry in self.entries(str(file))]
        if not found:
            raise checks.refuse(self.path, f"fields in files {wanted}", "none", "put some there")
        for entry in found:
            if not 1 <= len(entry.shape) <= 3 or min(entry.shape) < 2:
                expected = "a field of 1 to 3 dimensions, with 2 values or more along each"
                raise checks.refuse(entry.file, expected, entry.shape, "leave this file out, or mend it")
            if len(entry.shape) != len(found[0].shape):
                expected = f"{len(found[0].shape)} dimensions, as in {found[0].file}"
                raise checks.refuse(
                    entry.file, expected, entry.shape, "keep fields of other dimensions elsewhere"
                )
        return tuple(found)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The one number of axes of the fields in these files."""
        return (len(self.fields[0].shape),)

    @property
    def split(self) -> int:
        """How many fields are for training; the rest, at the end of the list, is held out."""
        count = len(self.fields)
        default = max(1, count // 8) if count > 1 else 0
        return count - (default if self.held_out is None else self.held_out)

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """Numbers in the list of the fields of samples `indices` (B,): (B, 1). ValueError if there is none for one."""
        which = check_indices(indices)
        checks.whole("seed", seed, least=0)
        held, count = which >= FIRST_HELD_OUT, len(self.fields)
        for asked, there, kind in ((~held, self.split, "training"), (held, count - self.split, "held-out")):
            if asked.any() and not there:
                got = f"{count} of which {count - self.split} are held out"
                remedy = "put more files there, or change held_out"
                raise checks.refuse(self.path, f"a field for {kind} samples", got, remedy)
        training = which % max(1, self.split)
        kept = self.split + (which - FIRST_HELD_OUT) % max(1, count - self.split)
        return np.where(held, kept, training).astype(np.float64)[:, None]

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields number `parameters` (B, 1) at the nodes, linear between the values of the file: (B, *shape)."""
        shape, numbers = self.check_shape(shape), self.check_rows(parameters, 1)[:, 0]
        known = np.isin(numbers, np.arange(len(self.fields)))
        if not known.all():
            expected = f"numbers of fields, 0 to {len(self.fields) - 1}"
            raise checks.refuse("parameters", expected, numbers[~known][0], "take them from field.parameters")
        field = np.empty((len(numbers), *shape))
        arrays = self.arrays(self.fields[int(number)] for number in numbers)
        for one, array in zip(field, arrays, strict=True):
            one[...] = interpolate(array, shape)
        return field


def interpolate(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`values` on nodes of the unit interval, square or cube, (bi-, tri-)linearly at the nodes of `shape`: (*shape)."""
    for axis, n in enumerate(shape):
        place = np.arange(n) * (values.shape[axis] - 1)  # in whole numbers: nodes meet exactly
        left = np.minimum(place // (n - 1), values.shape[axis] - 2)
        t = ((place - left * (n - 1)) / (n - 1)).reshape(-1, *(1,) * (values.ndim - 1 - axis))
        values = (1 - t) * values.take(left, axis) + t * values.take(left + 1, axis)
    return values


def optional(module: str, package: str, what: str = "fields from files") -> ModuleType:
    """The `module` of a `package` that only `what` needs; ModuleNotFoundError with what to do where it is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        told = checks.refuse(what, f"the package {package}", "none", "pip install pdekit[files]")
        raise ModuleNotFoundError(str(told), name=missing.name) from missing
