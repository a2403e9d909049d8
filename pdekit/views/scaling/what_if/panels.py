"""The figure of the what-if: speed-up, shares of a step, time to the loss and what it costs; built once."""

import numpy as np

from pdekit.scaling.goal.answer import RANKS, Answer
from pdekit.views import axes, theme
from pdekit.views.dashboard.figure.canvas import Canvas, Pen, Place
from pdekit.views.scaling.step import PARTS

HEIGHT = 620
WIDTH, HIGH = 465, 208  # of a panel, pixels
LEFTS, TOPS = (86, 658), (34, 354)
SHARES = ("compute", "norms", "waiting", "gradient")
TIMES = [d * 10.0**k for k in range(-6, 1) for d in (1, 3)] + [10.0, 30.0]
TIMES += [60.0 * m for m in (1, 3, 10, 30)] + [3600.0 * h for h in (1, 3, 10)]
TIMES += [86400.0 * d for d in (1, 3, 10, 30, 100, 300, 1000)]
MONEY = [d * 10.0**k for k in range(-6, 9) for d in (1, 3)]
_EMPTY = {"x": np.zeros(0), "y": np.zeros(0)}


class Panels:
    """`widget` is the figure; `paint` shows another answer in it, by its traces alone."""

    def __init__(self) -> None:
        canvas = Canvas(HEIGHT)
        places = [Place(left, top, WIDTH, HIGH) for top in TOPS for left in LEFTS]
        across = axes.rank_ticks(RANKS) | {"range": [-0.06, np.log10(RANKS[-1]) + 0.06], "fixedrange": True}
        across.pop("title")
        up = {"fixedrange": True}
        speed = axes.rank_ticks(RANKS) | up | {"range": [-0.4, np.log10(RANKS[-1]) + 0.1]}
        speed.pop("title")
        every = list(range(0, len(RANKS), 2))
        bars = {"tickvals": every, "ticktext": [str(RANKS[k]) for k in every]}
        bars |= {"range": [-0.6, len(RANKS) - 0.4]}
        times = {"type": "log", "tickvals": TIMES, "ticktext": [axes.seconds(t) for t in TIMES]}
        money = {"type": "log", "tickvals": MONEY, "ticktext": [f"{m:,.7g}" for m in MONEY]}
        first, second, third, fourth = (
            canvas.panel(place, x, y | up)
            for place, x, y in zip(
                places,
                [across, bars | up | {"showgrid": False}, across, across],
                [speed, {"range": [0, 1.08], "tickformat": ".0%"}, times, money],
                strict=True,
            )
        )
        self._titles = [
            canvas.words(place.left + WIDTH / 2, place.top - 14, size=12.5, text=text)
            for place, text in zip(places, ("speed-up", "where the time of a step goes", "", ""), strict=True)
        ]
        for place in places:
            canvas.words(place.left + WIDTH / 2, place.top + HIGH + 28, text="ranks")
        straight = {"color": theme.MUTED, "dash": "dash", "width": 1.3}
        ends = np.array([1.0, RANKS[-1]])
        canvas.trace("scatter", first, x=ends, y=ends, mode="lines", line=straight, hoverinfo="skip")
        self._lines = [self._curve(canvas, panel) for panel in (first, third, fourth)]
        self._bars = [
            canvas.trace(
                "bar", second, **_EMPTY, base=np.zeros(0), name=PARTS[part][0],
                marker={"color": PARTS[part][1], "line": {"width": 0}}, customdata=[],
                hovertemplate=f"{PARTS[part][0]}: %{{customdata}}<extra></extra>",
            )
            for part in SHARES
        ]  # fmt: skip
        self._chosen = canvas.trace(
            "scatter", second, **_EMPTY, mode="markers", cliponaxis=False, hoverinfo="skip",
            marker={"symbol": "triangle-down", "size": 11, "color": theme.MUTED},
        )  # fmt: skip
        for k, part in enumerate(SHARES):  # a legend that needs no layout
            words = f'<span style="color:{PARTS[part][1]}">■</span> {PARTS[part][0]}'
            x, y = LEFTS[1] + (0, 130)[k % 2], TOPS[0] + HIGH + (48, 66)[k // 2]
            canvas.words(x, y, "middle right", text=words)
        self.widget = canvas.build()

    def paint(self, answer: Answer, ranks: int, goal: str) -> None:
        """Show `answer`, with a mark at so many ranks; `goal` says in words which loss."""
        p = answer.ranks.astype(float)
        to_loss = bool(np.isfinite(answer.to_loss).any())
        priced = to_loss and bool(np.isfinite(answer.dollars).any())
        if to_loss:
            seconds, low, high = answer.to_loss, None, None
        else:
            seconds, low, high = answer.step.seconds, answer.step.low, answer.step.high
        paid = answer.dollars if priced else answer.core_hours
        self._lines[0].put(p, answer.speedup, ranks, low=answer.low, high=answer.high)
        self._lines[1].put(p, seconds, ranks, axes.seconds, low, high)
        self._lines[2].put(p, paid, ranks)
        self._titles[2].say(f"time to {goal}" if to_loss else "time of a step")
        self._titles[3].say(f"{'US dollars' if priced else 'core hours'} to {goal}" if to_loss else "")
        self._shares(answer, ranks)
        self.widget.paint()

    def clear(self) -> None:
        """No answer."""
        for line in self._lines:
            line.clear()
        for pen in (*self._bars, self._chosen):
            pen.put(**_EMPTY)
        self.widget.paint()

    def _shares(self, answer: Answer, ranks: int) -> None:
        shown = np.isin(answer.ranks, RANKS)
        place = np.searchsorted(RANKS, answer.ranks[shown]).astype(float)
        whole = answer.step.seconds[shown]
        base = np.zeros(len(whole))
        for pen, part in zip(self._bars, SHARES, strict=True):
            seconds = getattr(answer.step, part)[shown]
            said = [f"{axes.seconds(t) if t > 0 else '0 s'}" for t in seconds.tolist()]
            pen.put(x=place, y=seconds / whole, base=base, customdata=said)
            base = base + seconds / whole
        at = place[answer.ranks[shown] == ranks]
        self._chosen.put(x=at, y=np.full(len(at), 1.04))

    def _curve(self, canvas: Canvas, panel: str) -> "Curve":
        area = canvas.trace(
            "scatter", panel, **_EMPTY, mode="lines", fill="toself", fillcolor=axes.faint(theme.COLOURS[0]),
            line={"width": 0}, hoverinfo="skip",
        )  # fmt: skip
        line = canvas.trace(
            "scatter", panel, **_EMPTY, mode="lines", line={"color": theme.COLOURS[0], "width": 2}, customdata=[],
            hovertemplate="%{x:,} ranks: %{customdata}<extra></extra>",
        )  # fmt: skip
        dot = canvas.trace(
            "scatter", panel, **_EMPTY, mode="markers", hoverinfo="skip",
            marker={"size": 11, "color": theme.MUTED},
        )  # fmt: skip
        return Curve(area, line, dot)


class Curve:
    """A line, its band, and a dot on it."""

    def __init__(self, area: Pen, line: Pen, dot: Pen) -> None:
        self.area, self.line, self.dot = area, line, dot

    def put(self, x, y, at, words=lambda value: f"{value:,.3g}", low=None, high=None) -> None:
        """Values (n,) at x (n,), nothing where they are not finite."""
        there = np.isfinite(y) & (y > 0)
        x, y = x[there], y[there]
        self.line.put(x=x, y=y, customdata=[words(value) for value in y.tolist()])
        self.dot.put(x=x[x == at], y=y[x == at])
        if low is None:
            self.area.put(**_EMPTY)
        else:
            around = np.concatenate([high[there], np.maximum(low[there], 1e-12)[::-1]])
            self.area.put(x=np.concatenate([x, x[::-1]]), y=around)

    def clear(self) -> None:
        """Nothing."""
        for pen in (self.area, self.line, self.dot):
            pen.put(**_EMPTY)
