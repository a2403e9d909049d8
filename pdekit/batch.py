"""Training from the command line, on one process or on the ranks that mpiexec or srun started."""

import argparse
import csv
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pdekit as pk
from pdekit import interrupt, launched
from pdekit.beside import beside, check_place
from pdekit.cli import refused
from pdekit.records import Records

if TYPE_CHECKING:
    from pdekit.parallel import Comm
    from pdekit.train import Experiment, Step

SETTINGS = ("optimizer", "steps", "rate", "samples", "batch", "seed")
HELD_OUT = 16
POINTS = 30  # of the curve of errors
PERIOD = 2.0  # seconds between two lines
Row = tuple[int, float, int, float]


def train(arguments: argparse.Namespace) -> int:
    """Train on all ranks of this world; the exit status."""
    try:
        experiment = experiment_of(arguments)
        if arguments.curve is not None:
            check_place("--curve", arguments.curve)
        records = Records(arguments.history, arguments.tensorboard)
        comm = world()
    except (ValueError, ModuleNotFoundError) as error:
        return refused(error)
    try:
        run(experiment, comm, arguments.curve, records)
    except FloatingPointError as error:  # every rank has the same loss, so all of them are here
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
        # The other ranks may be waiting in a message; a rank that dies without MPI_Finalize ends them all.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    return 0


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


def run(experiment: "Experiment", comm: "Comm", curve: Path | None, records: Records) -> None:
    """Train to the end, printing from rank 0; write the curve of held-out errors to `curve`, and the `records`."""
    solver = pk.Solver(experiment, comm)
    held_out = experiment.problem.held_out(HELD_OUT)
    ranks = "1 rank" if comm.size == 1 else f"{comm.size} ranks"
    say(comm, f"{experiment}\n{solver.parameters:,} parameters, {ranks}")
    every = -(-experiment.steps // POINTS)
    rows: list[Row] = []
    printed = time.monotonic()
    with records.kept(solver):
        for step in solver:
            if curve is not None and (
                step.number % every == 0 or solver.done
            ):  # a choice that all ranks share
                rows.append(
                    (step.number, step.seconds, step.resolution, solver.error(held_out, step.resolution))
                )
                if comm.rank == 0:
                    write_curve(curve, rows)
            if step.number % every == 0:
                records.update(solver)
            if time.monotonic() - printed >= PERIOD or solver.done:
                printed = time.monotonic()
                say(comm, line(step, experiment))
    history = solver.history
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
