"""One cluster of three engines for all tests of this folder: starting one takes seconds."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

import pdekit as pk


@pytest.fixture(scope="session")
def shared() -> Iterator[pk.Cluster]:
    with pk.Cluster(ranks=3) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: pk.Cluster) -> pk.Cluster:
    """Three engines that are ready, whatever the last test did to them."""
    shared.call_timeout = 60.0
    return shared.start()


@pytest.fixture
def experiment() -> pk.Experiment:
    """Six steps of milliseconds."""
    generator = pk.UNet(width=2, depth=2)
    return pk.Experiment(pk.Poisson(16), generator, samples=6, batch=3, steps=6, dtype="float64")


def wait_until(condition: Callable[[], bool], limit: float) -> float:
    """The seconds until `condition()` held; fails after `limit` seconds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, f"not within {limit} s"
        time.sleep(0.02)
    return time.monotonic() - start


async def lateness(seconds: float) -> float:
    """How late the event loop was at worst, in a time of `seconds` or until it is cancelled."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            break
        worst = max(worst, time.monotonic() - before - 0.01)
    return worst
