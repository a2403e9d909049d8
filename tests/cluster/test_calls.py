"""Waiting for several engines: errors, time limits, and an event loop; without engines."""

import asyncio
import threading
import time
from concurrent.futures import Future

import pytest

from pdekit.cluster import ClusterError, calls
from pdekit.cluster.calls import Call


class RaisedError(Exception):
    """What an engine sends when it has raised."""

    def __init__(self, kind: str, words: str) -> None:
        self.ename, self.evalue, self.traceback = kind, words, f"Traceback ... {kind}"


def test_results_come_in_the_order_of_the_ranks() -> None:
    futures = [Future() for _ in range(3)]
    for rank in (2, 0, 1):
        futures[rank].set_result(10 * rank)
    call = Call(futures, limit=60)
    assert call.done and call.results() == [0, 10, 20]


def test_the_ranks_that_raised_the_same_are_named_together() -> None:
    futures = [Future() for _ in range(3)]
    futures[0].set_result(None)
    for future in futures[1:]:
        future.set_exception(RaisedError("ValueError", "expected 1, got 2"))
    with pytest.raises(ClusterError, match=r"^Ranks 1, 2 raised ValueError: expected 1, got 2\.$") as raised:
        Call(futures, limit=60).results()
    assert raised.value.details == "Traceback ... ValueError"


def test_others_get_a_moment_to_return_once_a_rank_has_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "GRACE", 0.2)
    futures = [Future(), Future()]
    call = Call(futures, limit=60)
    assert call.overdue() is None
    futures[1].set_exception(RaisedError("FloatingPointError", "nan"))
    assert call.overdue() is None
    time.sleep(0.25)
    assert (
        str(call.overdue()) == "Rank 1 raised FloatingPointError: nan. The other ranks wait for it in vain."
    )


def test_a_call_has_a_time_limit() -> None:
    call = Call([Future()], limit=0.1)
    assert call.overdue() is None
    time.sleep(0.15)
    assert "call_timeout" in str(call.overdue())


@pytest.mark.parametrize("result", ["value", "error"])
def test_a_wait_returns_at_once_when_there_is_news(result: str) -> None:
    future = Future()
    if result == "value":
        threading.Timer(0.05, future.set_result, [1]).start()
    else:
        threading.Timer(0.05, future.set_exception, [RaisedError("ValueError", "no")]).start()
    call, start = Call([future], limit=60), time.monotonic()
    call.wait(lambda: call.done)
    assert time.monotonic() - start < 0.15


def test_a_wait_asks_now_and_then_whether_there_is_hope() -> None:
    def settled() -> bool:
        raise ClusterError("rank 1 died")

    for wait in (lambda call: call.wait(settled), lambda call: asyncio.run(call.wait_async(settled))):
        with pytest.raises(ClusterError, match="rank 1 died"):
            wait(Call([Future()], limit=60))


def test_a_cancelled_wait_neither_cancels_the_call_nor_loses_its_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    future = Future()
    call = Call([future], limit=60)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.wait_async(lambda: call.done), 0.05)
        assert not future.cancelled()
        future.set_exception(RaisedError("ValueError", "no"))
        await asyncio.sleep(0.05)

    asyncio.run(main())
    with pytest.raises(ClusterError, match="Rank 0 raised ValueError: no"):
        call.results()
    assert not caplog.records
