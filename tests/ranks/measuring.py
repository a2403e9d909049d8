"""What ranks do that measure: functions of a Comm, found by their names in `programs`."""

import time
from unittest import mock

import numpy as np

import pdekit as pk
from pdekit.measure import host, loop, meeting, run
from pdekit.measure.meeting import gathered, meet, told
from pdekit.parallel import Comm


def scaled(comm: Comm, plan: dict, file: str = "") -> dict:
    """A measurement of `plan`: what this rank knows of it afterwards, and how often it was told what comes next."""
    said: list[tuple] = []
    found = run(pk.Plan.read(plan), comm, file or None, lambda *words: said.append(words))
    return {"text": found.text(), "said": said}


def on_machines(comm: Comm, plan: dict, hosts: list[str]) -> str:
    """A measurement of `plan` on ranks that say they are on these machines."""
    here = {**host.describe(), "host": hosts[comm.rank]}
    with mock.patch.object(loop, "describe", lambda: here):
        return run(pk.Plan.read(plan), comm).text()


def refused(comm: Comm, plan: dict, file: str = "") -> str:
    """Why `plan` cannot be measured."""
    try:
        run(pk.Plan.read(plan), comm, file or None)
    except ValueError as error:
        return str(error)
    return ""


def asleep(comm: Comm, seconds: float) -> int:
    """How often a rank naps while it waits for rank 0, which comes so much later."""
    meet(comm)
    if comm.rank == 0:
        time.sleep(seconds)
    with mock.patch.object(meeting.time, "sleep", wraps=time.sleep) as naps:
        meet(comm)
    return naps.call_count


def words(comm: Comm) -> dict:
    """What each rank says, of another length, and what rank 0 says."""
    return {"all": gathered(comm, "µ" * comm.rank), "first": told(comm, f"rank {comm.rank} of µ")}


def bounced(comm: Comm) -> list[float]:
    """What arrives at rank 1, and what comes back to rank 0."""
    array = np.full(3, 5.0 + comm.rank)
    if comm.rank < 2:
        comm.bounce(array, 1 - comm.rank)
    return array.tolist()
