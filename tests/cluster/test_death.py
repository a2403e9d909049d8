"""Engines that die, hang or are lost: noticed soon, told in words, ended, and replaced."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

import pdekit as pk
from pdekit.cluster.stages import STAGES
from pdekit.cluster.watchdog import alive
from tests.cluster import on_engines
from tests.cluster.conftest import lateness, wait_until

pytestmark = pytest.mark.ranks


@pytest.fixture(scope="module")
def mortal() -> Iterator[pk.Cluster]:
    with pk.Cluster(ranks=2) as cluster:
        yield cluster


@pytest.fixture
def pair(mortal: pk.Cluster) -> pk.Cluster:
    """Two engines that are ready, whatever the last test did to them."""
    return mortal.start()


def test_a_rank_killed_while_idle_is_told_in_the_event_loop_which_stays_free() -> None:
    cluster, told = pk.Cluster(ranks=2), []
    cluster.on_change(lambda changed: told.append((changed.state, threading.current_thread().name)))

    async def main() -> tuple[float, float]:
        await cluster.start_async()
        victim = (await cluster.apply_async(on_engines.who))[0][1]
        os.kill(victim, signal.SIGKILL)
        start = time.monotonic()
        while told[-1][0] != "dead":
            await asyncio.sleep(0.01)
            assert time.monotonic() - start < 5.0
        seconds = time.monotonic() - start
        assert cluster.message.startswith(f"Rank 0 (process {victim}) was killed (SIGKILL")
        assert cluster.message.endswith("call restart() for fresh ones.")
        late = asyncio.ensure_future(lateness(60.0))
        stages: list[str] = [cluster.stage]
        poll = asyncio.ensure_future(ask_all_the_time(cluster, stages))
        await cluster.restart_async()
        assert [stages[0], cluster.stage] == ["", ""]
        places = [STAGES.index(stage.partition(" on ")[0]) for stage in stages if " on " in stage]
        assert set(places) >= {0, 1} and places == sorted(places)
        assert [rank for rank, _ in await cluster.apply_async(on_engines.who)] == [0, 1]
        await cluster.close_async()
        late.cancel()
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):  # and no other error
            await poll
        return seconds, await late

    seconds, late = asyncio.run(main())
    assert seconds < 1.5  # 0.5 on a quiet machine
    assert late < 0.5
    assert [state for state, _ in told] == [
        "starting",
        "ready",
        "dead",
        "stopped",
        "starting",
        "ready",
        "stopped",
    ]
    assert {thread for _, thread in told} == {threading.current_thread().name}


async def ask_all_the_time(cluster: pk.Cluster, stages: list[str]) -> None:
    """What a dashboard does."""
    while True:
        assert cluster.state and cluster.message and repr(cluster)
        stages.append(cluster.stage)
        await asyncio.sleep(0.005)


def test_a_rank_killed_during_a_call_is_named_and_a_restart_works(pair: pk.Cluster) -> None:
    victim, killed = pair.apply(on_engines.who)[1][1], []

    def kill() -> None:
        killed.append(time.monotonic())
        os.kill(victim, signal.SIGKILL)

    threading.Timer(0.5, kill).start()
    with pytest.raises(pk.ClusterError, match=rf"^Rank 1 \(process {victim}\) was killed \(SIGKILL"):
        pair.apply(on_engines.spin)
    assert time.monotonic() - killed[0] < 2.0
    assert pair.state == "dead"
    with pytest.raises(pk.ClusterError, match=r"^Rank 1 .*call restart\(\) for fresh ones\.$"):
        pair.apply(on_engines.who)
    assert pair.restart() is pair and pair.state == "ready"
    assert [rank for rank, _ in pair.apply(on_engines.who)] == [0, 1]


def test_a_rank_that_raises_alone_ends_the_wait_of_the_others(pair: pk.Cluster) -> None:
    engines = [psutil.Process(process) for _, process in pair.apply(on_engines.who)]
    start = time.monotonic()
    with pytest.raises(
        pk.ClusterError, match=r"^Rank 1 raised FloatingPointError: .* nan\. The other"
    ) as raised:
        pair.apply(on_engines.collective_but_rank_1_raises)
    assert time.monotonic() - start < 5.0
    assert "restart()" in str(raised.value) and "rank_1_raises" in raised.value.details
    assert pair.state == "dead"
    wait_until(lambda: not any(map(alive, engines)), 5.0)  # they do not go on burning a core


def test_a_lost_controller_is_told_and_nothing_stays(pair: pk.Cluster) -> None:
    processes, call = pair._engines.processes, pair.send(on_engines.spin)
    family = [process for process in psutil.Process().children(recursive=True) if processes._started(process)]
    (controller,) = psutil.Process(processes._controller.pid).children()
    controller.kill()
    wait_until(lambda: pair.state == "dead", 2.0)
    assert pair.message.startswith(f"The controller (process {controller.pid}) was killed")
    pair.close()
    with pytest.raises(pk.ClusterError, match="closed while this call was in flight"):
        pair.gather(call)
    assert len(family) >= 7 and not any(map(alive, family)) and not processes.folder.exists()
