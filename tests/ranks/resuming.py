"""What the ranks do in the tests of checkpoints."""

import json
import resource
import threading
import time
from concurrent.futures import wait
from dataclasses import asdict, replace
from pathlib import Path

import pdekit as pk
from pdekit.parallel import Comm
from pdekit.train import checkpoints as module
from pdekit.train.hold import Holder


def go_on(comm: Comm, folders: list[str], steps: int) -> dict[str, list]:
    """Resume the run in each of `folders`, take `steps` more, and write a checkpoint there.

    All losses so far, and what this rank knows of all ranks; those of the last folder ask one another only afterwards.
    """
    losses, tables = [], []
    for folder in folders:
        solver = pk.Solver.resume(folder, comm)
        if folder == folders[-1]:
            [next(solver) for _ in range(steps)]
        else:
            solver.advance(steps)
        solver.checkpoint()
        solver.checkpoints.release()
        losses.append(solver.history.loss.tolist())
        tables.append(solver.gather_ranks().ranks.table.tolist())
    return {"losses": losses, "tables": tables}


def late_once(comm: Comm, experiment: str, late: float) -> dict[str, list]:
    """Losses and seconds of waiting (steps, ranks) of a run in which rank 1 is `late` seconds late for step 3."""
    solver = pk.Solver(pk.Experiment.parse(experiment), comm)
    solver.advance(2)
    draw = solver.samples
    solver.samples = lambda shares: (time.sleep(late * comm.rank), draw(shares))[1]
    solver.advance(1)
    solver.samples = draw
    history = solver.run()
    return {"losses": history.loss.tolist(), "waiting": history.ranks.waiting.tolist()}


def bad_disk(comm: Comm, experiment: str, folder: str) -> dict:
    """Rank 1 is late with the first checkpoint, and has no room for a later one; then all go on elsewhere."""
    solver = pk.Solver(pk.Experiment.parse(experiment), comm, checkpoints=f"{folder}/full", every=2)
    writing, stepped, waited = module.write, threading.Event(), []

    def late(*given: object) -> None:
        if comm.rank == 1:
            waited.append(stepped.wait(60))
        writing(*given)

    module.write = late
    solver.advance(2)
    if comm.rank == 0:
        wait(solver.checkpoints._jobs)  # so that it has written when the next step says how far the ranks are
    solver.advance(1)
    seen = len(pk.Checkpoint.paths(f"{folder}/full"))
    stepped.set()
    solver.checkpoint()
    if comm.rank == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    try:
        solver.run()
        said = "no error"
    except pk.CheckpointError as error:
        said = f"{len(solver.history)}: {error}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    held = Path(folder) / "held" / ".held"
    if comm.rank == 0:
        held.mkdir(parents=True)
        (held / "holder.json").write_text(json.dumps(asdict(replace(Holder.me(), host="elsewhere"))))
    try:
        solver.checkpoint(held.parent)
        refused = "no"
    except ValueError as error:
        refused = str(error)
    solver.checkpoint(f"{folder}/other")
    return {
        "refused": refused,
        "said": said,
        "in time": all(waited),
        "seen": seen,
        "losses": solver.run().loss.tolist(),
    }
