"""Training from the command line, on one process or on the ranks that mpiexec or srun started."""

import argparse
import csv
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import torch

import pdekit as pk
from pdekit import interrupt, launched
from pdekit.beside import beside, check_place
from pdekit.cli import refused
from pdekit.processors import Crew
from pdekit.records import Records
from pdekit.train.faults import SHARED

if TYPE_CHECKING:
    from pdekit.parallel import Comm
    from pdekit.train import Experiment, Solver, Step

SETTINGS = ("optimizer", "steps", "rate", "samples", "batch", "seed")
HELD_OUT = 16
POINTS = 30  # of the curve of errors
STOPPED = 128 + signal.SIGTERM  # exit status
PERIOD = 2.0  # seconds between two lines
Row = tuple[int, float, int, float]


def train(arguments: argparse.Namespace) -> int:
    """Train on all ranks of this world; the exit status."""
    try:
        make = solver_of(arguments)
        if arguments.curve is not None:
            check_place("--curve", arguments.curve)
        records = Records(arguments.history, arguments.tensorboard)
        comm = world()
        crew = crew_of(comm, arguments.threads)
        solver = make(comm)
        solver.checkpoints.claim()
    except (ValueError, ModuleNotFoundError) as error:
        return refused(error)
    try:
        with ending(solver):
            run(solver, crew, arguments.curve, records)
    except (*SHARED, pk.CheckpointError) as error:  # the same on every rank, so all of them are here
        if comm.rank == 0:
            print(f"pdekit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if comm.size == 1:
            raise
        interrupt.leave()
    except Exception:
        if comm.size == 1:
            raise
        end_all()
    return STOPPED if solver.checkpoints.stopped else 0


def end_all() -> NoReturn:
    """End all ranks after an error of this one alone: the others may be waiting in a message.

    A rank that dies without MPI_Finalize takes them along.
    """
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


def solver_of(arguments: argparse.Namespace) -> "Callable[[Comm], Solver]":
    """Makes the solver of the command line, new or resumed. ValueError if it cannot work."""
    kept = {name: getattr(arguments, name) for name in ("every", "keep") if hasattr(arguments, name)}
    if arguments.resume is None:
        if kept and arguments.checkpoints is None:
            raise ValueError("expected --checkpoints DIR with --every and --keep, got none; name a folder")
        return partial(pk.Solver, experiment_of(arguments), checkpoints=arguments.checkpoints, **kept)
    given = any(hasattr(arguments, name) for name in (*SETTINGS, "resolution"))
    if arguments.experiment or arguments.checkpoints or kept or given:
        raise ValueError(
            "expected --resume alone, got settings beside it; it goes on with those of its checkpoint"
        )
    return partial(pk.Solver.resume, arguments.resume, code=arguments.code)


@contextmanager
def ending(solver: "Solver") -> Iterator[None]:
    """Let SIGTERM, Slurm's warning, end a run that has checkpoints after the next step, on all ranks."""
    if solver.checkpoints.folder is None:
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: solver.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def experiment_of(arguments: argparse.Namespace) -> "Experiment":
    """The experiment of the command line, from its text or its options. ValueError if it cannot work."""
    given = {name: getattr(arguments, name) for name in SETTINGS if hasattr(arguments, name)}
    if arguments.experiment is None:
        problem = {"resolution": arguments.resolution} if hasattr(arguments, "resolution") else {}
        return pk.Experiment(pk.Poisson(**problem), **given)
    if given or hasattr(arguments, "resolution"):
        raise ValueError(
            "expected an experiment as text or as options, got both; change the text, or leave it out"
        )
    return pk.Experiment.parse(arguments.experiment, code=True)


def world() -> "Comm":
    """The ranks that the launcher started. ValueError if MPI does not see as many as it says it started."""
    started = launched.world()
    if started is None:
        return pk.Serial()
    comm = pk.World()
    if comm.size != started[1]:
        raise ValueError(
            f"expected a world of {started[1]} ranks, as the launcher says, got {comm.size}; launcher and "
            "MPI do not fit, use the mpiexec of `pdekit doctor` (under Slurm: srun --mpi=pmi2 or --mpi=pmix)"
        )
    return comm


def crew_of(comm: "Comm", threads: int | None) -> Crew:
    """The ranks of this machine; from now on each computes with its threads. Rank 0 warns if they are too many."""
    crew = Crew.here(comm, threads)
    torch.set_num_threads(crew.threads)
    if crew.warning and comm.rank == 0:
        print(f"pdekit: {crew.warning}", file=sys.stderr)
    return crew


def run(solver: "Solver", crew: Crew, curve: Path | None, records: Records) -> None:
    """Train to the end, printing from rank 0; write the curve of held-out errors to `curve`, and the `records`."""
    experiment, comm = solver.experiment, solver.comm
    held_out = experiment.problem.held_out(HELD_OUT)
    ranks = str(crew) if crew.ranks == comm.size else f"{comm.size} ranks, of which on this machine {crew}"
    say(comm, f"{experiment}\n{solver.parameters:,} parameters, {ranks}")
    if len(solver.history):
        say(comm, f"resumed after step {len(solver.history)}, from {solver.checkpoints.latest}")
    every = -(-experiment.steps // POINTS)
    rows: list[Row] = []
    printed = time.monotonic()
    with records.kept(solver):
        for step in solver:
            due = step.number % every == 0
            if curve is not None and (due or solver.done):  # a choice that all ranks share
                error = solver.error(held_out, step.resolution)
                rows.append((step.number, step.seconds, step.resolution, error))
                if comm.rank == 0:
                    write_curve(curve, rows)
            if due:
                records.update(solver)
            if time.monotonic() - printed >= PERIOD or solver.done:
                printed = time.monotonic()
                say(comm, line(step, experiment))
    history = solver.history
    if solver.checkpoints.stopped:
        folder = solver.checkpoints.folder
        say(comm, f"stopped by SIGTERM after step {len(history)}; go on with: pdekit train --resume {folder}")
        return
    if solver.stalled:
        say(comm, f"ended after step {len(history)}: {history.reason}")
    waiting = history.communication.sum() / history.seconds[-1]
    say(comm, f"{history.seconds[-1]:.1f} s of training, {waiting:.1%} of it in communication")
    error = solver.error(held_out)
    say(comm, f"held-out error {error:.2%}: relative L2 against the reference, mean of {HELD_OUT} samples")


def line(step: "Step", experiment: "Experiment") -> str:
    """Where the training stands."""
    grid = " x ".join([str(step.resolution)] * experiment.problem.dim)
    return f"step {step.number:>6} of {experiment.steps}  {grid:>9}  loss {step.loss:<11.6g} {step.seconds:7.1f} s"


def say(comm: "Comm", text: str) -> None:
    """Print from rank 0, at once."""
    if comm.rank == 0:
        print(text, flush=True)


def write_curve(path: Path, rows: Sequence[Row]) -> None:
    """Write `rows` to `path` whole or not at all: beside it first, then renamed."""
    with beside(path) as draft, draft.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("step", "seconds", "resolution", "error"))
        table.writerows(
            (n, f"{seconds:.3f}", resolution, f"{error:.6g}") for n, seconds, resolution, error in rows
        )
