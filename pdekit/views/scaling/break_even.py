"""When a neural solver pays: seconds until so many solutions are there, trained and classical."""

import math
import textwrap
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pdekit import checks
from pdekit.scaling.break_even import BreakEven
from pdekit.views import axes, theme

POINTS = 200  # of a curve
INDENT = "\N{EM SPACE}"
BEYOND = 30.0  # times the last crossing that is drawn


def plot_break_even(
    cases: BreakEven | Mapping[str, BreakEven],
    *,
    most: float | None = None,
    title: str = "When does training pay?",
) -> go.Figure:
    """Seconds until there are n solutions against n, by logarithms: the generator, and classical solvers by name.

    One line for each classical solver, and one for each generator, which starts at the seconds of its training; bands
    are the range of the measured seconds. A crossing is marked with its number of samples; where there is none, the
    words say so. Each name has the error of its solutions, where it is known, because solutions with other errors
    are another product. most: samples up to which to draw (default: well beyond the last crossing).

    Raises ValueError for no cases, or `most` below 2.
    """
    several = {"classical": cases} if isinstance(cases, BreakEven) else dict(cases)
    if not several:
        raise checks.refuse("cases", "at least one", several, "give those of pk.break_evens, for instance")
    crossings = [case.samples for case in several.values() if math.isfinite(case.samples)]
    last = BEYOND * max([*crossings, 1e3]) if most is None else checks.number("most", most, 2)
    n = np.geomspace(1, last, POINTS)
    figure = go.Figure()
    drawn: set[tuple] = set()  # generators: that of several rivals is one line
    low = sorted(several.values(), key=lambda case: case.samples)[1::2]  # their numbers stand above, for room
    for index, (name, case) in enumerate(several.items()):
        generator = case.training_seconds, case.inference_seconds
        if generator not in drawn:
            words = "generator" if not drawn else f"generator against {name}"
            look = theme.COLOURS[0], theme.DASHES[len(drawn) % 4]
            _line(figure, n, case.generator(n), _with_error(words, case.generator_error), *look)
            drawn.add(generator)
        colour, dash = theme.COLOURS[1 + index % 6], theme.DASHES[1 + index % 3]
        _line(figure, n, case.classical(n), _with_error(name, case.classical_error), colour, dash)
        if case.samples <= last:
            _mark(figure, case, colour, "top left" if case in low else "bottom right")
    y = np.concatenate([np.asarray(trace.y, dtype=float) for trace in figure.data])
    ticks = 10.0 ** np.arange(np.floor(np.log10(y.min())), np.ceil(np.log10(y.max())) + 1)
    labels = [axes.seconds(tick) if tick < 1 else f"{tick:,.0f} s" for tick in ticks]
    counts = 10 ** np.arange(np.ceil(np.log10(last)) + 1)
    numbers = [f"{count:,.0f}" for count in counts]
    figure.update_xaxes(title="solutions", type="log", tickvals=counts, ticktext=numbers)
    figure.update_yaxes(title="seconds in all", type="log", tickvals=ticks, ticktext=labels)
    said = [f"{name}: {_words(case)}" for name, case in several.items()]
    notes = [line for words in said for line in textwrap.wrap(words, 120, subsequent_indent=3 * INDENT)]
    figure.add_annotation(
        text="<br>".join(notes), xref="paper", yref="paper", x=0, y=-0.2, xanchor="left", yanchor="top",
        align="left", showarrow=False, font={"size": 11.5, "color": theme.INK},
    )  # fmt: skip
    look = {"hovermode": "closest", "legend": axes.BESIDE, "width": 860, "height": 380 + 18 * len(notes)}
    return axes.finish(
        figure, title, 1, margin={"l": 80, "r": 20, "t": 50, "b": 70 + 18 * len(notes)}, **look
    )


def _line(figure: go.Figure, n: np.ndarray, seconds: np.ndarray, name: str, colour: str, dash: str) -> None:
    low, middle, high = seconds
    if (high > low).any():
        axes.band(figure, n, low, high, colour)
    figure.add_scatter(
        x=n, y=middle, name=name, mode="lines", line={"color": colour, "dash": dash, "width": 1.8},
        customdata=[axes.seconds(float(t)) for t in middle],
        hovertemplate="%{x:,.0f} solutions: %{customdata}<extra>" + name + "</extra>",
    )  # fmt: skip


def _mark(figure: go.Figure, case: BreakEven, colour: str, where: str) -> None:
    at = np.array([case.samples])
    figure.add_scatter(
        x=at, y=case.classical(at)[1], mode="markers+text", text=[f"{case.samples:,.0f}"], textposition=where,
        marker={"color": colour, "size": 11, "line": {"color": "white", "width": 1.5}}, showlegend=False,
        hovertemplate=f"{case}<extra></extra>", textfont={"size": 12, "color": colour},
    )  # fmt: skip


def _words(case: BreakEven) -> str:
    if case.same_product is False:
        ratio = case.generator_error / case.classical_error
        times = f"{float(f'{ratio:.2g}'):,.0f}" if ratio < 1e6 else "more than a million"
        return f"{case} Not the same product: the generator's error is {times} times as large."
    return str(case)


def _with_error(name: str, error: float | None) -> str:
    if error is None:
        return name
    return f"{name}, error {error:.2g}" if error < 1e-4 else f"{name}, error {100 * error:.2g} %"
