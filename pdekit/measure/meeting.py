"""What the ranks of a measurement say to each other between its turns."""

import time

import numpy as np

from pdekit.parallel import Comm

NAP = 0.005  # seconds


def meet(comm: Comm) -> None:
    """Wait for all ranks, asleep, and go on at the same time: who waits busily slows those that are being timed."""
    there = comm.start_allreduce(np.zeros(1))
    while not there.poke():
        time.sleep(NAP)
    there.wait()
    comm.allreduce(np.zeros(1))  # the last is at most one nap late


def gathered(comm: Comm, text: str) -> list[str]:
    """What each rank says, in their order; all ranks make the call."""
    mine = np.frombuffer(text.encode(), dtype=np.uint8)
    lengths = comm.allgather(np.array([len(mine)]))[:, 0]
    padded = np.zeros(lengths.max(), dtype=np.uint8)
    padded[: len(mine)] = mine
    everyone = comm.allgather(padded)
    return [row[:length].tobytes().decode() for row, length in zip(everyone, lengths, strict=True)]


def told(comm: Comm, text: str) -> str:
    """What rank 0 says; all ranks make the call, and what the others say is not heard."""
    mine = np.frombuffer(text.encode() if comm.rank == 0 else b"", dtype=np.uint8)
    length = np.array([len(mine)])
    comm.allreduce(length)
    said = np.zeros(length[0], dtype=np.uint8)
    said[: len(mine)] = mine  # zeros elsewhere: the sum is what rank 0 says
    comm.allreduce(said)
    return said.tobytes().decode()
