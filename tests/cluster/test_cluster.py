"""A cluster of three engines: one world in the order of the ranks, private, and of use from an event loop."""

import asyncio
import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import zmq

import pdekit as pk
from tests.cluster import on_engines
from tests.cluster.conftest import lateness

pytestmark = pytest.mark.ranks


def test_the_engines_are_one_world_in_the_order_of_the_ranks(cluster: pk.Cluster) -> None:
    answers = cluster.apply(on_engines.who)
    assert [rank for rank, _ in answers] == [0, 1, 2]
    assert len({process for _, process in answers}) == 3


def test_the_first_ranks_are_a_world_of_their_own(cluster: pk.Cluster) -> None:
    for ranks in (1, 2, 3):
        assert cluster.apply(on_engines.size, ranks, ranks=ranks) == [ranks] * ranks


@pytest.mark.parametrize("ranks", [0, 4, 1.5])
def test_a_world_that_does_not_fit_is_refused_at_once(cluster: pk.Cluster, ranks: object) -> None:
    with pytest.raises(ValueError, match="ranks: expected a whole number, between 1 and 3, got"):
        cluster.apply(on_engines.who, ranks=ranks)
    assert cluster.state == "ready"


def test_each_engine_has_one_thread_that_does_not_spin(cluster: pk.Cluster) -> None:
    assert cluster.apply(on_engines.threads) == [(1, "1", "passive", "sm,self")] * 3


def test_threads_change_without_a_restart(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    """But not those of a run whose bits are to be the same. Fails if the solver after that has one thread, too."""
    before = cluster.apply(on_engines.who)
    try:
        cluster.set_threads(2)
        assert [count for count, *_ in cluster.apply(on_engines.threads)] == [2] * 3
        assert cluster.threads == cluster.plan.threads == 2 and cluster.apply(on_engines.who) == before
        assert "3 ranks x 2 threads" in cluster.message and "threads share" in cluster.warning
        cluster.solver(replace(experiment, reproducible=True), ranks=2)
        assert [count for count, *_ in cluster.apply(on_engines.threads)] == [1, 1, 2]
        asyncio.run(cluster.set_threads_async(3))
        assert [count for count, *_ in cluster.apply(on_engines.threads)] == [1, 1, 3]
        cluster.solver(experiment, ranks=2)
        assert [count for count, *_ in cluster.apply(on_engines.threads)] == [3, 3, 3]
        with pytest.raises(ValueError, match="threads: expected a whole number"):
            cluster.set_threads(0)
    finally:
        cluster.set_threads(1)
    assert cluster.apply(on_engines.threads)[0][0] == 1


def test_threads_of_a_cluster_at_rest_are_those_of_its_start() -> None:
    cluster = pk.Cluster(ranks=2, threads=1)
    cluster.set_threads(3)
    assert (cluster.threads, cluster.state) == (3, "stopped")
    cluster.set_threads(None)
    assert cluster.threads == pk.Cluster(ranks=2, threads=None).threads
    cluster._state = "starting"
    with pytest.raises(pk.ClusterError, match="got one that is starting; wait for it"):
        cluster.set_threads(1)
    cluster._state = "stopped"


def test_the_engines_have_loaded_the_solver_and_nothing_of_a_notebook(cluster: pk.Cluster) -> None:
    assert cluster.apply(on_engines.loaded) == [["torch", "pdekit.train"]] * 3


def test_a_started_cluster_prints_its_settings(cluster: pk.Cluster) -> None:
    assert repr(cluster).startswith("<Cluster ready: 3 ranks x 1 thread on ")
    assert cluster.message.startswith("Ready: 3 ranks x 1 thread on ")


def test_traffic_is_encrypted_between_controller_engines_and_us(cluster: pk.Cluster) -> None:
    assert cluster.apply(on_engines.encrypted) == [True] * 3
    assert cluster._engines._client._mux_socket.get(zmq.MECHANISM) == zmq.CURVE
    connection = json.loads(cluster._engines.processes.connection_file.read_text())
    assert connection["curve_serverkey"] and len(connection["key"]) == 64
    assert connection["interface"] == "tcp://127.0.0.1"


def test_a_client_without_the_key_is_not_heard(cluster: pk.Cluster) -> None:
    connection = json.loads(cluster._engines.processes.connection_file.read_text())
    refused = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        # Watched before it connects: once it has read that a key is wanted, it does not try again.
        with stranger.get_monitor_socket(refused | zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
            stranger.connect(f"{connection['interface']}:{connection['registration']}")
            assert monitor.poll(5000)
            event = int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder)
        stranger.disable_monitor()
    assert event & refused


def test_the_files_are_ours_alone(cluster: pk.Cluster) -> None:
    folder = cluster._engines.processes.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.rglob("*.json") if file.is_file()]
    assert len(files) >= 2
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_an_error_on_all_ranks_is_told_once_and_the_engines_live_on(cluster: pk.Cluster) -> None:
    with pytest.raises(
        pk.ClusterError, match=r"^Ranks 0, 1, 2 raised ValueError: expected 1, got 2\.$"
    ) as raised:
        cluster.apply(on_engines.all_raise)
    assert "all_raise" in raised.value.details
    assert cluster.apply(on_engines.add, 1, 2) == [3, 3, 3]


def test_an_error_on_one_rank_names_it(cluster: pk.Cluster) -> None:
    with pytest.raises(pk.ClusterError, match=r"^Rank 2 raised ValueError"):
        cluster.apply(on_engines.last_raises, 3)
    assert cluster.state == "ready"


def test_it_is_busy_while_a_call_is_in_flight(cluster: pk.Cluster) -> None:
    call = cluster.send(on_engines.sleep, 0.3)
    assert cluster.state == "busy"
    assert cluster.gather(call) == [0.3] * 3
    assert cluster.state == "ready"


def test_a_call_leaves_the_event_loop_free(cluster: pk.Cluster) -> None:
    async def main() -> float:
        late = asyncio.ensure_future(lateness(0.7))
        assert await cluster.apply_async(on_engines.sleep, 0.5, ranks=2) == [0.5, 0.5]
        return await late

    assert asyncio.run(main()) < 0.1


def test_a_cancelled_wait_leaves_the_call_in_flight(cluster: pk.Cluster) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cluster.apply_async(on_engines.sleep, 0.5), 0.1)
        assert cluster.state == "busy"
        assert await cluster.apply_async(on_engines.add, 1, 2) == [3, 3, 3]
        assert cluster.state == "ready"

    asyncio.run(main())


def test_start_is_idempotent(cluster: pk.Cluster) -> None:
    before = cluster.apply(on_engines.who)
    assert cluster.start() is cluster
    assert cluster.apply(on_engines.who) == before


def test_a_stopped_cluster_says_so() -> None:
    cluster = pk.Cluster(ranks=1)
    assert cluster.state == "stopped"
    with pytest.raises(pk.ClusterError, match="call start"):
        cluster.apply(on_engines.who)


def test_an_mpiexec_of_another_mpi_is_told_apart_from_bad_scaling(tmp_path: Path) -> None:
    alone = tmp_path / "mpiexec"  # `mpiexec -n 2 command...` as two processes that know nothing of each other
    alone.write_text('#!/bin/sh\nshift 2\n"$@" &\n"$@" &\nwait\n')
    alone.chmod(0o700)
    cluster = pk.Cluster(ranks=2, mpiexec=str(alone))
    with pytest.raises(pk.ClusterError, match="expected one world of 2 ranks, got a world of 1") as raised:
        cluster.start()
    assert str(alone) in str(raised.value) and "PDEKIT_MPIEXEC" in str(raised.value)
    assert cluster.state == "stopped"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such option >&2; exit 3", r"mpiexec ended with exit code 3; .*doctor.*\nno such option"),
        ("sleep 60", "expected 1 engines .* within 4 s"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(tmp_path: Path, script: str, words: str) -> None:
    broken = tmp_path / "mpiexec"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o700)
    cluster, before = pk.Cluster(ranks=1, mpiexec=str(broken), timeout=4.0), ours()
    with pytest.raises(pk.ClusterError, match=words):
        cluster.start()
    assert cluster.state == "stopped" and cluster.message.startswith("start: expected")
    assert ours() == before


def ours() -> list[int]:
    """The processes below this one."""
    return sorted(process.pid for process in psutil.Process().children(recursive=True))
