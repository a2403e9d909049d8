"""`pdekit scale`: measure on the ranks that a launcher started, or become mpiexec with ranks of one's own."""

import argparse
import os
import socket
import sys
import time
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from pdekit import checks, interrupt, launched
from pdekit.batch import end_all, say, world
from pdekit.beside import check_place
from pdekit.cli import refused
from pdekit.cluster.launch import find_mpiexec, mpi_environment
from pdekit.measure.loop import run
from pdekit.measure.plan import Plan
from pdekit.parallel import Comm
from pdekit.parallel.agree import together
from pdekit.processors import cores
from pdekit.scaling.comparison import compare_measurements, in_seconds
from pdekit.scaling.fitted.fit import fit
from pdekit.scaling.fitted.steps import Steps
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.shown import report
from pdekit.train.faults import SHARED

SETTINGS = tuple(field.name for field in fields(Plan))
PERIOD = 5.0  # seconds between two lines where they cannot be written over


def scale(arguments: argparse.Namespace) -> int:
    """Measure, or show what was; the exit status."""
    try:
        earlier = None if arguments.compare is None else Measurement.load(arguments.compare)
        if arguments.show is not None:
            show(Measurement.load(arguments.show), earlier)
            return 0
        plan = plan_of(arguments)
        file = arguments.resume or arguments.out or Path(usual_name())
        if launched.world() is None and max(plan.ranks) > 1:
            new(arguments, file)
            become_ranks(arguments, max(plan.ranks), file)
        comm = world()
        together(comm, lambda: None if comm.rank else new(arguments, file))
    except ValueError as error:
        return refused(error)
    return measure(plan, comm, file, earlier)


def measure(plan: Plan, comm: Comm, file: Path, earlier: Measurement | None) -> int:
    """All of it, on all ranks; the exit status."""
    progress = Progress()

    def keep() -> None:
        progress.end()
        print(f"interrupted; what was measured is in {file}: pdekit scale --resume {file}", flush=True)

    try:
        say(
            comm,
            f"{plan.rounds} times {len(plan.pieces())} pieces on up to {max(plan.ranks)} ranks, into {file}",
        )
        if comm.rank == 0:
            with interrupt.rescued(keep):
                found = run(plan, comm, file, progress)
                progress.end()
                show(found, earlier)
        else:
            run(plan, comm, file)
    except ValueError as error:
        return refused(error)
    except SHARED as error:  # the same on every rank of that piece; the others sleep
        sys.stderr.write(f"pdekit: {error}\n" if comm.rank == 0 else "")
        os._exit(1)
    except OSError as error:  # of rank 0, which keeps the file and prints; the others are in a message
        if not isinstance(error, BrokenPipeError):  # of `| head`
            sys.stderr.write(f"pdekit: {error}\n")
        os._exit(1)
    except KeyboardInterrupt:
        interrupt.leave()
    except Exception:
        if comm.size == 1:
            raise
        end_all()
    return 0


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan of the options, or of the file that is gone on with. ValueError if it cannot work."""
    given = {name: getattr(arguments, name) for name in SETTINGS if hasattr(arguments, name)}
    given |= {"bytes": ()} if arguments.steps_only else {}
    given |= {"scaling": ()} if arguments.messages_only else {}
    if arguments.resume is not None:
        if given:
            words = "expected --resume alone, got settings beside it; it goes on with the plan of its file"
            raise ValueError(words)
        found = Measurement.load(arguments.resume).machine.get("plan")
        if found is None:
            remedy = "measure into another one"
            raise checks.refuse(
                "--resume", "a file of `pdekit scale`, with its plan", str(arguments.resume), remedy
            )
        return Plan.read(found)
    started = launched.world()
    return Plan.upto(cores() if started is None else started[1], **given)


def usual_name() -> str:
    """Of a file that nobody has given a name."""
    return f"scaling-{socket.gethostname()}-{datetime.now():%Y-%m-%d-%H%M%S}.jsonl"


def new(arguments: argparse.Namespace, file: Path) -> None:
    """ValueError if `file` is there, unless it is to be gone on with, or cannot be written."""
    check_place("--out", file)
    if file.exists() and arguments.resume is None:
        remedy = "give another name, or --resume it"
        raise checks.refuse("--out", "a file that is not there yet", str(file), remedy)


def become_ranks(arguments: argparse.Namespace, ranks: int, file: Path) -> NoReturn:
    """From here on this process is mpiexec, with so many ranks that have the same options."""
    here = [] if arguments.resume or arguments.out else ["--out", str(file)]
    command = [*find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "pdekit", *arguments.given, *here]
    own = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")}
    sys.stdout.flush()
    os.execve(command[0], command, mpi_environment() | own)


def show(found: Measurement, earlier: Measurement | None) -> None:
    """Print what was measured, what to doubt of it, what the model says, and what changed."""
    print(report(found), flush=True)
    print("\n".join(["", "What the model says:", *(f"  {words}" for words in modelled(found))]), flush=True)
    if earlier is not None:
        print(f"\n{compare_measurements(earlier, found)}", flush=True)


def modelled(found: Measurement) -> list[str]:
    """What the model of `found` says, or why there is none."""
    try:
        model = fit(found)
        return [*(note for note in model.notes if note not in found.warnings), *_parts(found, model.steps)]
    except ValueError as error:
        return [f"nothing yet: {error}"]


def _parts(found: Measurement, steps: Steps | None) -> list[str]:
    """Where the time of a step on most ranks goes, for each optimizer."""
    said = []
    most = max(steps.ranks) if steps is not None else 1
    of = found.of("step", ranks=most).groups("optimizer") if most > 1 else {}
    for (optimizer,), trials in of.items():
        batch = int(trials.column("global_batch").max())
        parts = steps.predict(most, batch, optimizer=optimizer)
        names = ("compute", "norms", "gradient", "waiting")
        words = ", ".join(f"{name} {in_seconds(float(getattr(parts, name)))}" for name in names)
        said.append(f"a step of {optimizer} on {most} ranks, batch {batch}: {words}")
    return said


class Progress:
    """What is measured now, how much is done, and how much time is left: on one line, or now and then on a new one."""

    def __init__(self) -> None:
        self._over = sys.stdout.isatty()
        self._said = -PERIOD

    def __call__(self, done: int, of: int, words: str) -> None:
        text = f"{done / of:4.0%}  {words}"
        if self._over:
            print(f"\r\x1b[K{text[:110]}", end="", flush=True)
        elif time.monotonic() - self._said >= PERIOD:
            self._said = time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        """The line is done with."""
        if self._over:
            print("\r\x1b[K", end="", flush=True)
