"""A training on the engines, asked for in pieces of about a quarter of a second."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import numpy as np

from pdekit.views.dashboard.pace import Pace

SHARE = 0.03  # of the time, at most, that the ranks wait while a prediction is made for the page


class Piece(NamedTuple):
    """What one piece of training brought: its steps, and the prediction for `sample` after them, if one was made."""

    steps: list[Any]
    sample: int
    prediction: np.ndarray | None


async def pieces(
    solver: Any, pace: Pace, sample: Callable[[], int], stopping: Callable[[], bool]
) -> AsyncIterator[Piece]:
    """Train `solver` (a RemoteSolver) until its steps are used up or `stopping()`, read between the calls.

    The next steps are queued on the engines before a piece is handed out: they train while it is painted. A prediction
    holds up the ranks, so that it is made as often as `SHARE` allows, after the first piece, and after the last.
    """
    asked = len(solver.history)
    last = solver.experiment.steps
    call: asyncio.Future[list[Any]] | None = None
    due, before = 0.0, -1

    def ask() -> asyncio.Future[list[Any]]:
        nonlocal asked
        count = pace.next(asked)
        asked += count
        return asyncio.ensure_future(solver.advance_async(count))

    try:
        call = None if solver.done else ask()
        while call is not None:
            steps, call = await call, None
            if not steps:
                return
            pace.saw(steps)
            shown, began, look = sample(), time.perf_counter(), None
            ending = stopping() or solver.done or asked >= last
            if ending or began >= due or shown != before:
                look = asyncio.ensure_future(solver.predict_async(shown, resolution=steps[-1].resolution))
            if not ending:
                call = ask()
            prediction = None if look is None else await look
            if look is not None:
                before, due = shown, time.perf_counter() + (time.perf_counter() - began) / SHARE
            yield Piece(steps, shown, prediction)
    finally:
        # Steps that are on their way belong to the history, even where the painting of a piece went wrong.
        if call is not None:
            await asyncio.gather(call, return_exceptions=True)
