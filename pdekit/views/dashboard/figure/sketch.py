"""What a quick repaint of the live figure sends: fields and curves alone, for `sketch.js` to draw.

A repaint by plotly takes a browser a tenth of a second of a core, whatever it is that has changed; this takes a
seventh of that. Axes, colours and words stay as they are, until the next whole repaint.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from plotly.basedatatypes import BaseTraceType

WAITS = {"text", "base"}  # what may change a moment later than fields and curves


Puts = Mapping[int, Mapping[str, Any]]
"""Attributes by trace and name."""


def sketched(
    fresh: Puts, known: Puts, traces: tuple[BaseTraceType, ...]
) -> tuple[list[list[int]], list[np.ndarray]] | None:
    """What is `fresh` of all that is `known`: [trace, *shape] of each field (H, W) or curve (2, n), and their values.

    `traces` are as plotly shows them. None where something changes that must not wait: colours, a field's size, the
    first points of a curve, a field that comes or goes.
    """
    parts, values = [], []
    for index, attributes in fresh.items():
        trace = traces[index]
        for name in attributes.keys() - WAITS - {"x", "y", "z"}:
            if not np.array_equal(attributes[name], trace[name]):
                return None
        if trace.type == "heatmap" and "z" in attributes:
            new, old = (np.asarray(one) for one in (attributes["z"], trace.z))
            if new.shape != old.shape or (new.dtype.kind == "f") != (old.dtype.kind == "f"):
                return None
            drawn = new
        elif trace.type == "scatter" and trace.mode == "lines" and attributes.keys() & {"x", "y"}:
            drawn = np.stack([known[index].get(name, trace[name]) for name in "xy"])
            if drawn.size and not len(trace.x):  # plotly has no path for it yet
                return None
        else:
            continue
        if drawn.dtype.kind == "f":
            parts.append([index, *drawn.shape])
            values.append(np.ascontiguousarray(drawn, np.float32))
    return parts, values
