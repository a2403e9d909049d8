"""A training on the engines, asked for in pieces of about a quarter of a second."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import numpy as np

from pdekit.views.dashboard.pace import Pace


class Piece(NamedTuple):
    """What one piece of training brought: its steps, and the prediction (H, W) for `sample` after them."""

    steps: list[Any]
    sample: int
    prediction: np.ndarray


async def pieces(
    solver: Any, pace: Pace, sample: Callable[[], int], stopping: Callable[[], bool]
) -> AsyncIterator[Piece]:
    """Train `solver` (a RemoteSolver) until its steps are used up or `stopping()`, read between the calls.

    The next steps are queued on the engines before a piece is handed out: they train while it is painted.
    """
    asked = len(solver.history)
    last = solver.experiment.steps
    call: asyncio.Future[list[Any]] | None = None

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
            shown = sample()
            look = asyncio.ensure_future(solver.predict_async(shown, resolution=steps[-1].resolution))
            if not (stopping() or solver.done or asked >= last):
                call = ask()
            yield Piece(steps, shown, await look)
    finally:
        # Steps that are on their way belong to the history, even where the painting of a piece went wrong.
        if call is not None:
            await asyncio.gather(call, return_exceptions=True)
