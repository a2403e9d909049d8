"""The grids that can be chosen, each with what is said of the memory it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pdekit.views.dashboard.form.draft import Draft
from pdekit.views.dashboard.form.parts import of_part, recipe_of
from pdekit.views.dashboard.form.values import Unread
from pdekit.views.dashboard.tasks import Tasks
from pdekit.views.theme import grid_name

SQUARES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
CUBES = (16, 24, 32, 48, 64, 96, 128)
REST = 0.2  # seconds without a change before memory is asked for
BREATH = 0.02  # between two sizes: others have their turn
Room = Callable[[Any, int], Awaitable[str]]


class Sizes:
    """Awaits `room(experiment, ranks)` for its words on each size, one after the other, while nothing else is due.

    `heard(words)`, {resolution: words}, follows each round; an error of `room` goes to `complain`. Without a running
    event loop nothing is asked.
    """

    def __init__(
        self,
        room: Room | None,
        heard: Callable[[dict[int, str]], None],
        complain: Callable[[BaseException], None],
    ) -> None:
        self._room, self._heard = room, heard
        self._tasks, self._round = Tasks(complain), 0

    def ask(self, draft: Draft) -> None:
        """Ask anew for the sizes of `draft`, soon; what was asked for before is dropped."""
        self._round += 1
        if self._room is None:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a script, or a test, that shows nothing
            return
        self._tasks.launch(self._later(draft, self._round))

    async def _later(self, draft: Draft, number: int) -> None:
        await asyncio.sleep(REST)
        words = {}
        for resolution in offered(draft):
            if number != self._round:
                return
            experiment = draft.changed("problem.resolution", resolution).made.experiment
            said = "" if experiment is None else await self._room(experiment, draft.values["ranks"])
            words |= {resolution: said} if said else {}
            await asyncio.sleep(BREATH)
        self._heard(words)


def offered(draft: Draft) -> list[int]:
    """The sizes that its problem may have, in nodes a side: where an even one may not be, the odd one after it."""
    sizes: set[int] = set()
    every = CUBES if draft.values.get("problem.dim") == 3 else SQUARES
    unread = any(isinstance(value, Unread) for value in of_part("problem", draft.values).values())
    for size in () if unread else every:
        for resolution in (size, size + 1):
            try:
                recipe_of("problem", {**draft.values, "problem.resolution": resolution}, draft.menu)
            except ValueError:
                continue
            sizes.add(resolution)
            break
    return sorted((sizes or set(every)) | {draft.values["problem.resolution"]})


def labels(draft: Draft, words: dict[int, str]) -> dict[int, str]:
    """{resolution: how it is called in the list}: 64 x 64, and the first words on the memory where there are any."""
    dim = 3 if draft.values.get("problem.dim") == 3 else 2
    return {
        n: grid_name(n, dim) + (f" ({words[n].split(',')[0]})" if n in words else "") for n in offered(draft)
    }
