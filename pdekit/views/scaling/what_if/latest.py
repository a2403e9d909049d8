"""Work that many ask for and that is done once for all of them."""

from collections.abc import Callable

from pdekit.views.dashboard.figure.home import Home, running


class Latest:
    """`ask` has `work` done soon, in the thread of the notebook's cells: once, however often it is asked until then.

    So a slider that moves on while an answer is worked out leaves no queue behind. Without a running loop it is done
    at once.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work, self._home, self._asked = work, Home(), False

    def ask(self) -> None:
        """Have it done."""
        if not self._asked:
            self._asked = True
            self._home.do(self._soon)

    def _soon(self) -> None:
        loop = running()
        if loop is None:
            self._do()
        else:
            loop.call_soon(self._do)

    def _do(self) -> None:
        self._asked = False
        self._work()
