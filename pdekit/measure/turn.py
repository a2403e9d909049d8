"""One turn of one piece of work: what the first ranks of the job do together, and the trial that comes of it."""

import numpy as np
import torch

from pdekit.measure.peak import Peak
from pdekit.measure.plan import Plan
from pdekit.parallel import Comm
from pdekit.parallel.timings import allreduce_seconds, ping_pong
from pdekit.scaling.measurement import Trial
from pdekit.scaling.piece import Piece
from pdekit.train import Experiment, Solver

MESSAGES = 0.05  # of the seconds of a turn of steps
WARM = 2  # steps that are dropped: memory is fetched from the system, L-BFGS has no curvature yet
LEAST, MOST = 3, 50  # steps that count


def take(plan: Plan, piece: Piece, number: int, comm: Comm) -> Trial | None:
    """What came of `piece` in round `number`; the ranks of `comm`, all `piece.world` of them, make the call.

    The same on all ranks that took part, None on others.
    """
    if piece.kind == "step":
        return _steps(plan.experiment_of(piece), piece, number, comm, plan.seconds)
    if piece.kind == "allreduce":
        seconds = allreduce_seconds(comm, piece.bytes, MESSAGES * plan.seconds)
    elif comm.rank in (0, piece.partner):
        seconds = ping_pong(comm, piece.bytes, piece.partner, MESSAGES * plan.seconds)
    else:
        return None
    return Trial(piece.kind, piece.ranks, seconds, number, nodes=piece.nodes, bytes=piece.bytes)


def _steps(experiment: Experiment, piece: Piece, number: int, comm: Comm, seconds: float) -> Trial:
    """Of a new solver: every round takes the same steps from the same start, and no other solver's memory counts."""
    peak, threads = Peak(), torch.get_num_threads()
    torch.set_num_threads(piece.threads)
    try:
        solver = Solver(experiment, comm)
        solver.advance(WARM)
        once = _seconds(solver)[-1]  # gathered: the same on all ranks
        steps = solver.advance(int(np.clip(seconds / once, LEAST, MOST)))
    finally:
        torch.set_num_threads(threads)
    first = WARM if steps else 0  # it may have found its minimum by then
    steps, ranks = solver.history.steps[first:], solver.history.ranks_from(first)
    gradient = solver.reduction.flats[0].message.nbytes if comm.size > 1 else 0
    memory = comm.allgather(np.array([peak.bytes]))[:, 0]
    return Trial(
        "step",
        piece.ranks,
        float(np.median(_seconds(solver)[first:])),
        number,
        threads=piece.threads,
        nodes=piece.nodes,
        bytes=int(np.median([step.sent for step in steps])),
        messages=int(np.median([step.messages for step in steps])),
        gradient=int(gradient * np.median([step.evaluations for step in steps])),
        resolution=piece.resolution,
        global_batch=piece.global_batch,
        optimizer=piece.optimizer,
        experiment=str(experiment),
        compute=tuple(np.median(ranks.compute, axis=0).tolist()),
        communication=tuple(np.median(ranks.communication, axis=0).tolist()),
        memory=tuple(memory.tolist()),
    )


def _seconds(solver: Solver) -> np.ndarray:
    """Of each step, on the rank that took longest: (steps,)."""
    ranks = solver.history.ranks
    return (ranks.compute + ranks.communication).max(axis=1)
