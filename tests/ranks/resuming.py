"""What the ranks do in the tests of checkpoints."""

import resource
import threading
from concurrent.futures import wait

import pdekit as pk
from pdekit.parallel import Comm
from pdekit.train import checkpoints as module


def go_on(comm: Comm, folders: list[str], steps: int) -> list[list[float]]:
    """Resume the run in each of `folders`, take `steps` more, and write a checkpoint there: all losses so far."""
    losses = []
    for folder in folders:
        solver = pk.Solver.resume(folder, comm)
        solver.advance(steps)
        solver.checkpoint()
        losses.append(solver.history.loss.tolist())
    return losses


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
    solver.checkpoint(f"{folder}/other")
    return {"said": said, "in time": all(waited), "seen": seen, "losses": solver.run().loss.tolist()}


def every_step(comm: Comm, experiment: str, folder: str) -> None:
    """Train with a checkpoint after every step, until somebody ends it."""
    pk.Solver(pk.Experiment.parse(experiment), comm, checkpoints=folder, every=1).run()
