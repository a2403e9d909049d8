"""What may be changed while a run is under way on the engines: asked for at any time, done between two steps."""

from typing import Any

from pdekit import checks
from pdekit.cluster import engine
from pdekit.cluster.calls import Call
from pdekit.cluster.elastic import Kept


class Adjustable:
    """What a RemoteSolver lets its user change; engines that take the place of dead ones are told again.

    A wish goes into the queue behind the steps that are under way, and returns at once: nobody has to wait for it.
    The verbs that end with `_async` wait until all ranks have taken note.
    """

    ranks: int
    rate: float
    _kept: Kept
    _wishes: list[engine.Wish]

    def change_rate(self, rate: float) -> None:
        """`Solver.change_rate` on all its ranks, for the method that is at work now; returns at once.

        ValueError for a rate that is not positive and finite.
        """
        self._wish("change_rate", checks.positive("rate", rate), len(self.history) + 1)

    async def change_rate_async(self, rate: float) -> None:
        """`change_rate`, once it is done."""
        await self._heard(self._wish("change_rate", checks.positive("rate", rate), len(self.history) + 1))

    def slow(self, rank: int | None, factor: float = 1.0) -> None:
        """Let the rank `rank` compute `factor` times as long, and all others as long as they do; None: all of them.

        Returns at once. ValueError for a rank that it does not have, or a factor below 1. See `Solver.slow`.
        """
        self._wish("slow", *self._slow(rank, factor))

    async def slow_async(self, rank: int | None, factor: float = 1.0) -> None:
        """`slow`, once it is done."""
        await self._heard(self._wish("slow", *self._slow(rank, factor)))

    def _slow(self, rank: int | None, factor: float) -> tuple[float, int]:
        if rank is None:
            return 1.0, 0
        rank = checks.whole("rank", rank, least=0, most=self.ranks - 1)
        return checks.number("factor", factor, least=1), rank

    def _wish(self, verb: str, *arguments: Any) -> Call | None:
        """None where engines have died and others will hear it, as soon as training goes on."""
        lost = self._kept.restart and self._cluster.state not in ("ready", "busy")
        call = None if lost else self._send(engine.adjust, [(verb, arguments)], ranks=self.ranks)
        self._wishes.append((verb, arguments))
        self._note()
        return call

    def _note(self) -> None:
        """Know the rate that was wished for last."""
        self.rate = next((given[0] for verb, given in self._wishes[::-1] if verb == "change_rate"), self.rate)

    async def _heard(self, wish: Call | None) -> None:
        if wish is not None:
            await self._cluster.gather_async(wish)

    def _wish_again(self) -> None:
        """To engines that have not heard it."""
        if self._wishes:
            self._send(engine.adjust, self._wishes, ranks=self.ranks)
            self._note()
