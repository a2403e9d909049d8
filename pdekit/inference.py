"""A saved generator applied from the command line, on one process or on the ranks that mpiexec or srun started."""

import argparse
import os
import re
import sys
import time

import pdekit as pk
from pdekit import checks
from pdekit.batch import crew_of, end_all, say, world
from pdekit.cli import refused

SAMPLES = re.compile(r"(\d+)(?::(\d+))?")


def predict(arguments: argparse.Namespace) -> int:
    """Predict on all ranks of this world; the exit status."""
    start = time.monotonic()
    try:
        comm = world()
        crew_of(comm, arguments.threads)
    except ValueError as error:
        return refused(error)
    try:
        of = samples(arguments.input)
        trained = pk.load(arguments.model, comm, arguments.code)
        count = trained.apply(of, arguments.out, arguments.vtk, arguments.resolution, arguments.dataset)
    except (ValueError, ModuleNotFoundError) as error:  # every rank has it, or the like
        return refused(error)
    except OSError as error:  # on all ranks
        if comm.rank:
            return 1
        print(f"pdekit: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # after a full disk HDF5 crashes where a process ends in the ordinary way
    except Exception:
        if comm.size == 1:
            raise
        end_all()
    seconds = time.monotonic() - start
    say(comm, f"{count} sample{'s' if count > 1 else ''} in {seconds:.1f} s: {arguments.out}")
    return 0


def samples(text: str) -> range | str:
    """The global samples that `text` names, 7 or 0:16; any other text is a path. ValueError for an empty range."""
    found = SAMPLES.fullmatch(text)
    if found is None:
        return text
    first = int(found[1])
    last = first + 1 if found[2] is None else int(found[2])
    if last <= first:
        raise checks.refuse(
            "INPUT", "a first sample and one behind the last", text, "give 0:16, for instance"
        )
    return range(first, last)
