"""A training on the engines, asked for in pieces of about a quarter of a second."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import numpy as np

from pdekit.views.dashboard.pace import Pace, Plan

SHARE = 0.02  # of the time that the ranks may wait while predictions are made for the page
OFTEN, SELDOM = 1.0, 10  # but one a second, unless that is more than one tenth of the time


class Piece(NamedTuple):
    """What one piece of training brought: its steps, and the prediction for `sample` on `grid`, if one was made.

    `last`: none follows it. `change`: a finer grid than any before is next, and `grid` the one it was, or will be.
    """

    steps: list[Any]
    sample: int
    grid: int
    prediction: np.ndarray | None
    last: bool
    change: bool = False


async def pieces(
    solver: Any, pace: Pace, sample: Callable[[], int], stopping: Callable[[], bool]
) -> AsyncIterator[Piece]:
    """Train `solver` (a RemoteSolver) until its steps are used up or `stopping()`, read between the calls.

    While a piece comes home and is painted the next is under way; where steps are quick it is asked for before the last
    one lands, so that the engines never wait for the kernel. A prediction holds up the ranks: it is made as often as
    `SHARE` allows, or once a second, for another sample, after the last piece, and where a finer grid than any before
    is next: on both, with the same network.
    """
    asked, last = len(solver.history), solver.experiment.steps
    flying, due, before = 0, 0.0, -1
    steps: list[Any] = []
    look: asyncio.Future[np.ndarray] | None = None
    # The finer grid that is next, the step behind which it is, and the prediction on it.
    finer: tuple[int, int, asyncio.Future[np.ndarray]] | None = None

    def depart() -> None:
        nonlocal asked, flying
        count = pace.next(asked)
        solver.send_ahead(count)
        asked, flying = asked + count, flying + 1

    def follow() -> tuple[int, int]:
        """Behind what is under way: a prediction, if it is time for one, of what it returns; and the next piece."""
        nonlocal look, finer
        stopped = stopping()  # then what was asked for may have been halted, and the history has all there is
        ending = stopped or solver.done or asked >= last
        shown, look, finer = sample(), None, None
        grid = solver.experiment.resolution_at(len(solver.history) if stopped else asked)
        later = None if ending else next_finer(solver.experiment.plan, asked)
        if ending or later or shown != before or time.perf_counter() >= due:
            look = asyncio.ensure_future(solver.predict_async(shown, resolution=grid))
        if later:
            finer = later, asked, asyncio.ensure_future(solver.predict_async(shown, resolution=later))
        if not ending:
            depart()
        return shown, grid

    try:
        if not solver.done:
            depart()
        while flying:
            ahead = pace.quick and not stopping()
            if ahead:
                shown, grid = follow()
            brought, flying = await solver.landed_async(), flying - 1
            pace.saw(brought)
            steps = brought or steps  # none where the optimizer found no lower loss before
            if not ahead:
                shown, grid = follow()
            began, prediction = time.perf_counter(), None
            if look is not None:
                prediction, before = await look, shown
                took = time.perf_counter() - began
                due = time.perf_counter() + max(min(took / SHARE, OFTEN), SELDOM * took)
            there = await finer[2] if finer is not None else None
            change = finer is not None and len(solver.history) == finer[1]  # else it was halted before
            if steps:
                yield Piece(steps, shown, grid, prediction, flying == 0, change)
                if change:
                    yield Piece(steps, shown, finer[0], there, False, True)
    finally:
        # Steps that are on their way belong to the history, even where the painting of a piece went wrong.
        for _ in range(flying):
            await asyncio.gather(solver.landed_async(), return_exceptions=True)
        looks = [look, finer and finer[2]]
        await asyncio.gather(*(one for one in looks if one is not None), return_exceptions=True)


def next_finer(plan: Plan, step: int) -> int | None:
    """The grid behind `step`, where that is the last on its own and the grid finer than any before; else None."""
    for k, (_, last) in enumerate(plan[:-1]):
        if step == last and plan[k + 1][0] > max(grid for grid, _ in plan[: k + 1]):
            return plan[k + 1][0]
    return None
