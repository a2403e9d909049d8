"""The engines as the dashboard sees them: brought up, brought back, and watched, with words for all of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdekit.cluster import Cluster

USUAL = 10  # seconds that a start takes


class EngineRoom:
    """Starts and restarts `cluster`; `say(text, kind)` tells how it goes, `changed()` that its state did."""

    def __init__(
        self, cluster: "Cluster", say: Callable[[str, str], None], changed: Callable[[], None]
    ) -> None:
        self.cluster, self._say, self._changed = cluster, say, changed
        cluster.on_change(self._noticed)

    @property
    def up(self) -> bool:
        """Whether the engines take calls."""
        return self.cluster.state in ("ready", "busy")

    @property
    def dead(self) -> bool:
        """Whether a rank has died, so that only a restart helps."""
        return self.cluster.state == "dead"

    async def ready(self) -> None:
        """Start the engines unless they run. Raises what the cluster raises where they do not come up."""
        if not self.up:
            await self._wait(self.cluster.start_async(), "Starting")

    async def restart(self) -> None:
        """Fresh engines in place of the old."""
        await self._wait(self.cluster.restart_async(), "Restarting")
        self._say("The engines are ready again: Train starts anew.", "good")

    async def _wait(self, work: Awaitable[object], verb: str) -> None:
        """Wait for `work` and tell how long it takes; the cluster sets the time limit."""
        clock = asyncio.get_running_loop().time
        began, waiting = clock(), asyncio.ensure_future(work)
        while not waiting.done():
            self._say(
                f"{verb} {self.cluster.ranks} engines: {clock() - began:.0f} s of about {USUAL}.", "busy"
            )
            await asyncio.wait({waiting}, timeout=0.5)
        await waiting

    def _noticed(self, cluster: "Cluster") -> None:
        if cluster.state == "dead":
            self._say(cluster.message, "wrong")
        self._changed()
