"""The wire on the engine side: what the controller's side asks of an engine, as functions that run there.

Every function is called on the first ranks of the cluster, in the same order on each of them.
"""

import os
import traceback
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from pdekit.cluster import halting, stages
from pdekit.cluster.files import forget_shared_memory, wait_for_json

if TYPE_CHECKING:
    import numpy as np

    from pdekit.parallel import Comm

Wish = tuple[str, tuple[Any, ...]]
"""The name of a verb, and its arguments."""

# The one solver of this engine, the threads it may have, and the cluster's folder.
slot = SimpleNamespace(solver=None, threads=1, folder=None)


def serve(folder: Path, threads: int, timeout: float) -> None:
    """Become an engine: load everything while the controller starts, then answer calls until it is ended."""
    slot.folder = folder
    stages.say(folder, "importing torch")
    import numpy as np
    import torch
    from ipyparallel.engine.app import IPEngine

    import pdekit.train  # noqa: F401 (loaded now, so that the first solver is quick)

    set_threads(threads)
    torch.optim.SGD([torch.zeros(1)], lr=1.0)  # loads what the first optimizer loads, a second's worth
    stages.say(folder, "joining MPI")
    world().allgather(np.zeros(1))
    if world().rank == 0:
        forget_shared_memory()
    stages.say(folder, "connecting")
    file = folder / "security" / "ipcontroller-engine.json"
    wait_for_json(file, timeout)
    IPEngine.launch_instance(
        [
            f"--profile-dir={folder}",
            f"--file={file}",
            f"--timeout={timeout}",
            "--log-level=ERROR",
            "--IPEngine.enable_nanny=False",  # the guard does that, without a heavy process for each engine
        ]
    )


def hello() -> tuple[int, int, int, int]:
    """Who this engine is: rank, size of its MPI world, process, threads."""
    import torch

    return world().rank, world().size, os.getpid(), torch.get_num_threads()


def set_threads(threads: int) -> None:
    """Compute with so many threads from now on; with one while a solver whose bits are to be the same is held."""
    import torch

    slot.threads = threads
    alone = slot.solver is not None and slot.solver.experiment.reproducible
    torch.set_num_threads(1 if alone else threads)


def build(
    experiment: str, ranks: int, checkpoints: str | None = None, every: int = 100, keep: int = 3
) -> tuple[Any, ...] | None:
    """Make the solver on the first `ranks` ranks, and return its `standing`. The other ranks free theirs."""
    from pdekit.train import Experiment, Solver

    free()
    if world().rank >= ranks:
        return None
    made = Experiment.parse(experiment, code=True)
    slot.solver = Solver(made, world(ranks), checkpoints=checkpoints, every=every, keep=keep)
    return standing()


def resume(checkpoint: str, ranks: int) -> tuple[Any, ...] | None:
    """The same with the solver of a checkpoint."""
    from pdekit.train import Solver

    free()
    if world().rank >= ranks:
        return None
    slot.solver = Solver.resume(checkpoint, world(ranks), code=True)
    return standing()


def free() -> None:
    """Have no solver any more, and hand its memory back: two never need memory at once. All threads are free, too."""
    from pdekit.train.memory import give_back

    if slot.solver is not None:
        slot.solver = None
        give_back()
    set_threads(slot.threads)


def standing() -> tuple[int, int, bool, float, list[tuple[Any, ...]], "np.ndarray"]:
    """Where the solver stands: parameters, grid, whether all is done, rate; records of its steps, `Ranks.table`."""
    solver, history = slot.solver, slot.solver.history
    records = [astuple(step) for step in history.steps]
    rate = solver.course.base(len(history) + 1)
    return solver.parameters, solver.resolution, solver.done, rate, records, history.ranks.table


def checkpoint(folder: str | None) -> str:
    """Collective: `Solver.checkpoint`."""
    return str(slot.solver.checkpoint(folder))


class Advance(NamedTuple):
    """What an `advance` brought: records of its steps, `Ranks.table` of them, whether all are done, and the grid.

    `memory` are the bytes of this rank's process in main memory. `fault` and its traceback tell of an error that all
    ranks raised; the steps before it are there.
    """

    records: list[tuple[Any, ...]]
    ranks: "np.ndarray"
    done: bool
    resolution: int
    memory: int
    fault: str = ""
    details: str = ""


def advance(k: int, number: int) -> Advance | int:
    """Collective: the next `k` steps, fewer once the calls up to `number` are halted.

    Rank 0 returns what they brought, the others their memory alone.
    """
    from pdekit.train.faults import SHARED
    from pdekit.train.memory import resident

    solver, said = slot.solver, ("", "")
    before = len(solver.history)
    try:
        solver.advance(k, leave=lambda: halting.said(slot.folder) >= number)
    except SHARED as error:
        said = f"{type(error).__name__}: {error}", traceback.format_exc()
    if world().rank:
        return resident()
    records = [astuple(step) for step in solver.history.steps[before:]]
    table = solver.history.ranks_from(before).table
    return Advance(records, table, solver.done, solver.resolution, resident(), *said)


def adjust(wishes: Sequence[Wish]) -> None:
    """Collective: the verbs of the solver that change how it goes on, by name, with their arguments."""
    for verb, arguments in wishes:
        getattr(slot.solver, verb)(*arguments)


def predict(of: "int | Sequence[int] | np.ndarray", resolution: int | None) -> "np.ndarray":
    """`Solver.predict` on this rank alone."""
    return slot.solver.predict(of, resolution)


def error(indices: Sequence[int], resolution: int | None) -> float:
    """Collective: `Solver.error`."""
    return slot.solver.error(indices, resolution)


def save(path: str) -> None:
    """Collective: `Solver.save`."""
    slot.solver.save(path)


@cache
def world(ranks: int | None = None) -> "Comm":
    """The communicator of the first `ranks` ranks, made once: MPI has only so many."""
    from pdekit.parallel import World

    return World(ranks)
