"""Functions that the tests run on the engines."""

import os
import time

import numpy as np

from pdekit.parallel import World


def who() -> tuple[int, int]:
    """MPI rank and process."""
    return World().rank, os.getpid()


def size(ranks: int) -> int:
    """The size of a world of the first `ranks` ranks, by adding up ones."""
    one = np.ones(1)
    World(ranks).allreduce(one)
    return int(one[0])


def threads() -> tuple[int, str, str, str]:
    """Threads of torch, and what the environment says of OpenMP and UCX."""
    import torch

    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "UCX_TLS")
    return torch.get_num_threads(), *(os.environ[name] for name in names)


def encrypted() -> bool:
    """Whether this engine's own sockets use CURVE."""
    import zmq
    from ipyparallel.engine.app import IPEngine

    return IPEngine.instance().shell_socket.get(zmq.MECHANISM) == zmq.CURVE


def loaded() -> list[str]:
    """Of torch, the solver, and what belongs to a notebook: what this engine has imported."""
    import sys

    return [name for name in ("torch", "pdekit.train", "plotly", "ipywidgets") if name in sys.modules]


def collective_but_rank_1_raises() -> None:
    """The mistake of a learner: one rank leaves, the others wait for it."""
    world = World()
    if world.rank == 1:
        raise FloatingPointError("step 3: expected a finite loss, got nan")
    world.allreduce(np.ones(1))


def all_raise() -> None:
    raise ValueError("expected 1, got 2")


def last_raises(ranks: int) -> int:
    """No collective: the other ranks return."""
    if World().rank == ranks - 1:
        raise ValueError("expected 1, got 2")
    return 0


def spin() -> None:
    """Never returns; keeps the processor busy in MPI."""
    world, one = World(), np.ones(1)
    while True:
        world.allreduce(one)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def add(a: int, b: int) -> int:
    return a + b
