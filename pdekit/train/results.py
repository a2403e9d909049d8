"""Predicted fields in an HDF5 file: with their data, their coordinates, and where they come from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pdekit.beside import beside
from pdekit.pde.fields.files import optional
from pdekit.pde.problem import Problem

Write = Callable[[int, str, np.ndarray, np.ndarray], None]
"""(k, name of the source, data (*data_shape), u (*u_shape)) -> sample k is in the file."""


@contextmanager
def results(path: Path, problem: Problem, count: int, notes: dict[str, str]) -> Iterator[Write]:
    """Opens a file for `count` samples, which gets its name `path` when all is written.

    Datasets `u` (count, *u_shape) and `coefficient` (count, *data_shape), float64, compressed, a chunk a sample;
    `source` (count,), text: not an attribute, of which HDF5 allows 64 kB; and the coordinates of each axis, HDF5
    dimension scales attached to it: `x`, `y`, `z`, or `t`. `notes` are the file's attributes. ModuleNotFoundError
    without h5py.
    """
    h5py = optional("h5py", "h5py", "results in HDF5")
    with beside(path) as other, h5py.File(other, "w") as file:
        file.attrs.update(notes)
        source = file.create_dataset("source", (count,), h5py.string_dtype())
        for name, values in problem.axes.items():
            file.create_dataset(name, data=values).make_scale(name)
        stacks = {}
        for stack, shape in (("coefficient", problem.data_shape), ("u", problem.u_shape)):
            made = file.create_dataset(
                stack,
                (count, *shape),
                "f8",
                chunks=(1, *shape),
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
            made.dims[0].label = "sample"
            axes = list(problem.axes)[-len(shape) :]
            for k, name in enumerate(axes, start=made.ndim - len(axes)):
                if made.shape[k] == len(problem.axes[name]):  # one number a sample lies on no axis
                    made.dims[k].label = name
                    made.dims[k].attach_scale(file[name])
            stacks[stack] = made

        def write(k: int, name: str, data: np.ndarray, u: np.ndarray) -> None:
            source[k], stacks["coefficient"][k], stacks["u"][k] = name, data, u

        yield write
