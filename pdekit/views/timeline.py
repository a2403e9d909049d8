"""What each rank did in the last steps: where it computed, waited for others, and talked."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from pdekit.checks import refuse, whole
from pdekit.views import theme

DID = ("compute", "waiting", "transfer")
COLOURS = (theme.COLOURS[0], theme.COLOURS[5], theme.COLOURS[1])


def plot_ranks(history: Any, last: int = 20, *, title: str = "What the ranks did") -> go.Figure:
    """The `last` steps of a History as a bar for each rank: compute, waiting, and messages, in seconds.

    Within a step the three are shown in this order, each in one piece, whatever their order was; a step starts when the
    slowest rank is done with the one before. The legend has each one's share. A rank that was not asked, or was none
    in these steps, has no bar. Raises ValueError for a history without steps, or `last` below 1.
    """
    whole("last", last)
    if not len(history):
        raise refuse("history", "at least one step", 0, "train first")
    did = spans(history, last)
    names = [f"rank {rank}" for rank in range(did.shape[1])]
    numbers = [f"step {number}" for number in history.number[-last:]]
    figure = go.Figure()
    each = zip(DID, COLOURS, did.transpose(2, 0, 1), begins(did), strict=True)
    for kind, colour, seconds, begin in each:
        share = np.nansum(seconds) / np.nansum(did)
        figure.add_bar(
            x=seconds.ravel(),
            base=begin.ravel(),
            y=names * len(seconds),
            orientation="h",
            name=f"{kind} {share:.0%}",
            marker={"color": colour, "line": {"width": 0}},
            hovertext=np.repeat(numbers, len(names)),
            hovertemplate="%{y}, %{hovertext}: %{x:.3s}s<extra></extra>",
        )
    figure.update_layout(
        template=theme.template(),
        title=title,
        barmode="overlay",
        bargap=0.25,
        width=700,
        height=150 + 34 * len(names),
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.03, "yanchor": "bottom"},
    )
    figure.update_xaxes(title=f"seconds, the last {len(did)} steps")
    figure.update_yaxes(autorange="reversed", ticks="")
    return figure


def spans(history: Any, last: int) -> np.ndarray:
    """Seconds of compute, waiting and messages in the last steps: (steps, ranks, 3); NaN where nobody knows."""
    ranks = history.ranks_from(max(0, len(history) - last))
    transfer = ranks.communication - np.nan_to_num(ranks.waiting)
    return np.stack([ranks.compute, np.nan_to_num(ranks.waiting), transfer], axis=2)


def begins(did: np.ndarray) -> np.ndarray:
    """When each of the three begins, (3, steps, ranks), for `spans`; a step starts when the slowest rank is done."""
    ends = np.nancumsum(np.nanmax(did.sum(axis=2), axis=1))
    start = np.concatenate([[0.0], ends[:-1]])[:, None] + np.zeros(did.shape[1])
    before = np.cumsum(did, axis=2) - did
    return (start[:, :, None] + before).transpose(2, 0, 1)
