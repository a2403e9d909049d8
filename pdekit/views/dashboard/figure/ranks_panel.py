"""What each rank did in the last steps: a bar of its own, its shares in words, and who is the slowest."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pdekit.views.dashboard.figure.canvas import Canvas, Place, inked
from pdekit.views.timeline import COLOURS, begins, spans

LAST = 20  # steps
MOST = 8  # ranks
NAMES = ("compute", "waiting", "messages")
UNEVEN = 1.3  # times as long as the quickest: from here on the slowest rank is named
_WORDS = 262  # pixels to the right of the bars


class RanksPanel:
    """Bars of compute, waiting and messages over the last steps, for up to MOST ranks."""

    def __init__(self, canvas: Canvas, place: Place) -> None:
        bars = place._replace(width=place.width - _WORDS)
        up = {"tickvals": list(range(MOST)), "ticktext": [f"rank {rank}" for rank in range(MOST)]}
        up |= {
            "autorange": "reversed",
            "showgrid": False,
            "ticks": "",
            "tickfont": {"size": 10},
            "fixedrange": True,
        }
        across = {"nticks": 6, "tickfont": {"size": 10}, "rangemode": "tozero", "fixedrange": True}
        panel = canvas.panel(bars, across, up)
        bottom = bars.top + bars.height
        self._title = canvas.words(bars.left, bars.top - 12, "middle right", 12.5)
        self._head = canvas.words(bars.left + bars.width, bars.top - 12, "middle right")
        self._axis = canvas.words(bars.left, bottom + 26, "middle right")
        self._bars = [
            canvas.trace(
                "bar", panel, orientation="h", x=np.zeros(0), y=np.zeros(0), base=np.zeros(0), name=name,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate=f"{name} %{{x:.3s}}s<extra></extra>",
            )
            for name, colour in zip(NAMES, COLOURS, strict=True)
        ]  # fmt: skip
        self._shares = canvas.words(place.left + place.width, bottom + 26, "middle left")
        self._said = canvas.trace(
            "scatter", canvas.beside(panel), mode="text", x=np.ones(1), y=np.zeros(1), text=[""], cliponaxis=False,
            textposition="middle right", textfont={"size": 10}, hoverinfo="skip",
        )  # fmt: skip

    def show(self, history: Any, memory: Sequence[int] | None) -> None:
        """The last steps of `history`, and the bytes that each rank occupies, where they are known."""
        did = spans(history, LAST)[:, :MOST]
        sent = history.ranks_from(max(0, len(history) - LAST)).sent
        ranks = did.shape[1]
        shares = []
        # Plotly takes anything for a base, and so sends it as text.
        for kind, (pen, start) in enumerate(zip(self._bars, begins(did), strict=True)):
            seconds = did[..., kind]
            share = np.nansum(seconds) / max(np.nansum(did), 1e-30)
            lanes = np.tile(np.arange(ranks), len(did)).astype(np.float32)
            pen.put(x=_flat(seconds), base=np.round(start.ravel(), 5), y=lanes)
            shares.append(inked("\N{BLACK SQUARE}", COLOURS[kind]) + f" {NAMES[kind]} {share:.0%}")
        self._shares.say("\N{EM SPACE}".join(shares))
        asked = [rank for rank in range(ranks) if np.isfinite(did[:, rank]).any()]
        total = np.nansum(did, axis=0)  # (ranks, 3)
        words = []
        for rank in asked:
            busy = total[rank, 0] / max(total[rank].sum(), 1e-30)
            said = [f"{busy:.0%}", f"{_bytes(np.nanmean(sent[:, rank]))} a step"]
            if memory is not None and rank < len(memory):
                said.append(_bytes(memory[rank]))
            words.append(" · ".join(said))
        self._said.put(x=np.ones(len(asked)), y=np.array(asked, dtype=float), text=words)
        self._head.say("computes · sends · memory")
        self._title.say(_balance(total[asked, 0], asked))
        self._axis.say(f"seconds: the last {len(did)} steps" if len(did) > 1 else "seconds: the last step")

    def clear(self) -> None:
        """No steps."""
        for pen in self._bars:
            pen.put(x=np.zeros(0), y=np.zeros(0))
        self._said.put(x=np.ones(1), y=np.zeros(1), text=[""])  # without a point the axis would name rank 4
        self._title.say("ranks"), self._head.say("")
        self._shares.say("")


def _balance(compute: np.ndarray, ranks: Sequence[int]) -> str:
    """Whether the ranks computed equally long, in words."""
    if len(ranks) < 2:
        return "ranks: one, nobody to wait for" if len(ranks) else "ranks"
    ratio = compute.max() / max(compute.min(), 1e-30)
    if ratio < UNEVEN:
        return "ranks: evenly loaded"
    slow, quick = (ranks[int(index)] for index in (compute.argmax(), compute.argmin()))
    return f"<b>rank {slow}: {ratio:.1f} × as long as rank {quick}</b>"


def _flat(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).ravel()


def _bytes(count: float) -> str:
    """So many bytes in words."""
    if not np.isfinite(count):
        return "? B"
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
