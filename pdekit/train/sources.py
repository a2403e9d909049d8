"""What a generator is applied to: global samples, arrays, or fields in files, asked for one at a time."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pdekit import checks
from pdekit.pde.fields import Folder
from pdekit.pde.problem import Problem

Of = int | Sequence[int] | np.ndarray | str | os.PathLike[str]


class Source(NamedTuple):
    """`count` samples; number k has `data(k)` (*data_shape), float64, and comes from what is called `name(k)`."""

    count: int
    data: Callable[[int], np.ndarray]
    name: Callable[[int], str]


def source_of(of: Of, problem: Problem, dataset: str) -> Source:
    """The samples of `of`: see `apply`. ValueError if there are none, or if they are not of this problem."""
    if isinstance(of, str | os.PathLike):
        return _files(os.fspath(of), problem, dataset)
    if dataset:
        raise checks.refuse("dataset", "none, but for HDF5 files", dataset, "leave it out")
    given = np.asarray(of)
    if given.ndim < 2 and given.dtype.kind in "iu" and given.size:
        which = np.atleast_1d(given)
        problem.parameters([int(which.min())])  # refuses an index below 0
        return Source(
            len(which), lambda k: problem.coefficient(int(which[k])), lambda k: f"sample {which[k]}"
        )
    stack = problem.check(given).reshape(-1, *problem.data_shape)
    if not len(stack):
        raise checks.refuse("samples", "one or more", given.shape, "give global indices, or arrays")
    return Source(len(stack), lambda k: stack[k], lambda k: f"array {k}")


def _files(path: str, problem: Problem, dataset: str) -> Source:
    """The fields of the arrays in a file or a folder, linear between the values of the file."""
    folder = Folder(path, problem.positive, held_out=0, dataset=dataset)
    what, wanted = f"fields of the {problem.given}", problem.data_shape
    if len(wanted) not in folder.dimensions:
        remedy = "give one array a field, or a dataset with the fields along its first axis"
        raise checks.refuse(path, f"{what} with {len(wanted)} axes", folder.fields[0].shape, remedy)
    others = [entry for entry in folder.fields if entry.shape != wanted]
    if others and wanted != problem.shape:  # not at the nodes of u: nothing says what lies in between
        remedy = f"give arrays of that shape, or resolution={others[0].shape[-1]}"
        raise checks.refuse(others[0].file, f"{what}, {wanted}", others[0].shape, remedy)

    def name(k: int) -> str:
        entry = folder.fields[k]
        return Path(entry.file).name + ("" if entry.row is None else f" {entry.dataset}[{entry.row}]")

    return Source(len(folder.fields), lambda k: folder.values(np.array([[k]]), wanted)[0], name)
