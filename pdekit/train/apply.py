"""A generator applied to many samples, shared out over the ranks, its fields written as they come."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import pdekit
from pdekit import checks
from pdekit.beside import Place, check_place
from pdekit.parallel.agree import together
from pdekit.pde.fields.files import optional
from pdekit.pde.problem import Problem
from pdekit.train.results import Write, results
from pdekit.train.sources import Of, Source, source_of
from pdekit.train.vti import write_image

if TYPE_CHECKING:
    from pdekit.train.predictor import Predictor


def apply(
    predictor: "Predictor", of: Of, out: Place, vtk: Place | None, resolution: int | None, dataset: str
) -> int:
    """See `Predictor.apply`."""
    comm, experiment = predictor.comm, predictor.experiment

    def checked() -> tuple[Problem, Source]:
        problem = experiment.problem.at(experiment.problem.resolution if resolution is None else resolution)
        experiment.generator.check(problem.shape)
        optional("h5py", "h5py", "results in HDF5")  # on all ranks, though rank 0 writes
        if vtk is not None:
            optional("pyevtk.hl", "pyevtk", "files for ParaView")
            if comm.rank == 0:
                _make_folder(Path(vtk))
        return problem, source_of(of, problem, dataset)

    def opened() -> Write | None:
        if comm.rank:
            return None
        notes = {"experiment": str(experiment), "pdekit": pdekit.__version__, **predictor.origin}
        return files.enter_context(results(check_place("out", out), problem, source.count, notes))

    def computed(k: int) -> np.ndarray:
        """The data and u of sample k as one array; nothing of any use where there is no such sample."""
        if k >= source.count:
            return np.zeros(size)
        data = source.data(k)
        u = predictor.predict(data, problem.resolution)
        if vtk is not None:
            write_image(Path(vtk) / f"u-{k:06}.vti", problem, data, u)
        return np.concatenate([data.ravel(), u.ravel()])

    def written(k: int, both: np.ndarray) -> None:
        if write is not None and k < source.count:
            data, u = np.split(both, [cut])
            write(k, source.name(k), data.reshape(problem.data_shape), u.reshape(problem.u_shape))

    problem, source = together(comm, checked)
    cut = int(np.prod(problem.data_shape))
    size = cut + int(np.prod(problem.u_shape))
    with ExitStack() as files:
        write = together(comm, opened)
        # one sample a rank at a time: the memory does not grow with their number
        for first in range(0, source.count, comm.size):
            mine = together(comm, partial(computed, first + comm.rank))
            for rank in range(comm.size):
                partner = {0: rank, rank: 0}.get(comm.rank, comm.rank)
                arrived = comm.exchange(mine, partner)
                together(comm, partial(written, first + rank, arrived))
        together(comm, files.close)
    return source.count


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise checks.refuse("vtk", "a folder that can be made", str(folder), error.strerror or "") from error
