"""The engines as the dashboard sees them: started, stopped and brought back, and what they are doing in words."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import ipywidgets as widgets

from pdekit.views.dashboard.scaling_room import ScalingRoom
from pdekit.views.dashboard.verbs import button

if TYPE_CHECKING:
    from pdekit.cluster import Cluster

USUAL = 10  # seconds that a start takes
LOOK = 0.25  # seconds between two looks at it
_LAMPS = {
    "ready": "#009E73",
    "busy": "#0072B2",
    "starting": "#E69F00",
    "dead": "#D55E00",
    "stopped": "#8a96a3",
}


class EngineRoom:
    """Starts, stops and restarts `cluster`; `say(text, kind)` tells how it goes, `changed()` that its state did."""

    def __init__(
        self, cluster: "Cluster", say: Callable[[str, str], None], changed: Callable[[], None]
    ) -> None:
        self.cluster, self._say, self._changed = cluster, say, changed
        self.start = button("Start", "power-off", "Start the engines")
        self.restart = button(
            "Restart", "refresh", "Fresh engines; the run comes back from its last checkpoint"
        )
        self.stop = button("Stop", "stop", "End the engines; the run comes back with Train")
        self.scaling = ScalingRoom()
        self.line = widgets.HTML(layout={"flex": "1 1 0", "min_width": "0", "margin": "0 8px"})
        self.box = widgets.HBox(
            [self.start, self.restart, self.stop, self.scaling.measure, self.line],
            layout={"align_items": "center"},
        )
        self.box.add_class("pdekit-engines")
        self._more = ""
        self.show()
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

    async def again(self) -> None:
        """Fresh engines in place of the old."""
        await self._wait(self.cluster.restart_async(), "Restarting")

    async def end(self) -> None:
        """No engines any more."""
        await self.cluster.close_async()

    def show(self, doing: str = "", more: str = "") -> None:
        """The state of the engines in a line: what they are `doing`, if they run, and `more` about them."""
        state = self.cluster.state
        self._more = more or self._more
        words = doing or {"ready": "idle"}.get(state, state)
        threads = self.cluster.threads
        what = f"{self.cluster.ranks} engines, {threads} thread{'s' * (threads > 1)} each: <b>{words}</b>"
        lamp = f'<span style="color:{_LAMPS[state]}">&#9679;</span>'
        tail = f" · {self._more}" if self._more and doing else ""
        # One line, whatever it says: the page stays where it is.
        style = "font-size:13px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
        self.line.value = f'<div style="{style}" class="pdekit-engine-line">{lamp} {what}{tail}</div>'

    def enable(self, *, running: bool) -> None:
        """Offer what makes sense now."""
        starting = self.cluster.state == "starting"
        self.start.disabled = starting or self.up or self.dead
        self.restart.disabled = starting or running or self.cluster.state == "stopped"
        self.stop.disabled = starting or running or self.cluster.state == "stopped"
        self.scaling.enable(running=running or starting, dead=self.dead, ranks=self.cluster.ranks)
        self.restart.button_style = "warning" if self.dead else ""

    async def _wait(self, work: Awaitable[object], verb: str) -> None:
        """Wait for `work` and tell how long it takes; the cluster sets the time limit."""
        clock = asyncio.get_running_loop().time
        began, waiting = clock(), asyncio.ensure_future(work)
        while not waiting.done():
            stage = self.cluster.stage
            words = f"{verb} {self.cluster.ranks} engines: {clock() - began:.0f} s of about {USUAL}"
            self._say(f"{words}, {stage}." if stage else f"{words}.", "busy")
            self.show(stage)
            await asyncio.wait({waiting}, timeout=LOOK)
        await waiting

    def _noticed(self, cluster: "Cluster") -> None:
        if cluster.state == "dead":
            self._say(cluster.message, "wrong")
        self.show()
        self._changed()
