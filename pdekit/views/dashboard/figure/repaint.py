"""When the page gets what was put into the traces: whole repaints now and then, sketches between them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pdekit.views.dashboard.figure.seldom import Seldom
from pdekit.views.dashboard.figure.wire import Wire

PERIOD = 1.0  # seconds, at least, between two whole repaints: each takes a browser 0.1 s of a core, or more


class Repaint:
    """Repaints `widget`; `last()` puts what is left to put at the end of each."""

    def __init__(self, widget: Wire, last: Callable[[], None]) -> None:
        self._widget, self._last = widget, last
        self._depth = 0
        self._seldom = Seldom(PERIOD)
        self._late: dict[str, Callable[[], None]] = {}
        self._calls: list[Callable[[], None]] = []

    @contextmanager
    def painting(self, quick: bool = False) -> Iterator[None]:
        """A context that gathers all that is put in it into one message to the browser.

        A quick one may show fields and curves only: all else, the axes among it, follows within PERIOD.
        """
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._last()
                # A sketch where the whole has to wait; and no waiting for what cannot be sketched.
                if not quick or not (self._seldom.do(self._paint) or self._widget.sketch()):
                    self._seldom.at_once(self._paint)
        finally:
            self._depth -= 1

    def late(self, name: str, put: Callable[[], None]) -> None:
        """Have `put()` called with the next whole repaint, in place of an earlier one of that name."""
        self._late[name] = put

    def forget(self) -> None:
        """Leave undone what was to come late."""
        self._late = {}

    def on_whole(self, call: Callable[[], None]) -> None:
        """Call `call()` after each whole repaint that changed something."""
        self._calls.append(call)

    def rest(self, seconds: float) -> None:
        """Let the page rest for `seconds` between two whole repaints, or for PERIOD if that is longer."""
        self._seldom.seconds = max(PERIOD, seconds)

    def _paint(self) -> None:
        late, self._late = self._late, {}
        for put in late.values():
            put()
        if self._widget.paint():
            for call in self._calls:
                call()
