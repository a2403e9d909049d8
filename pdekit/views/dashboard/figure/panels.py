"""Which panels the live figure has, and where they are."""

from collections.abc import Sequence
from typing import NamedTuple

from pdekit.views.arrays import Field
from pdekit.views.dashboard.figure.canvas import Canvas, Place
from pdekit.views.dashboard.figure.maps import Maps
from pdekit.views.dashboard.figure.progress import Progress
from pdekit.views.dashboard.figure.ranks_panel import RanksPanel
from pdekit.views.dashboard.figure.slice import Slice
from pdekit.views.dashboard.figure.solid import Solid
from pdekit.views.dashboard.figure.strip import Strip
from pdekit.views.dashboard.figure.wire import Wire

HEIGHT = 640  # pixels


class Panels(NamedTuple):
    """The panels, and the widget that they are drawn in; a cube has planes in place of the slice."""

    maps: Maps
    progress: Progress
    ranks: RanksPanel
    slice: Slice | None
    solid: Solid | None
    strip: Strip | None
    widget: Wire


def draw(
    given: str,
    log: bool,
    dim: int,
    pictures: Sequence[Field],
    axes: tuple[str, str],
    ends: tuple[float, float],
    loss: str,
    log_loss: bool,
    script: bool,
) -> Panels:
    """The panels of a figure as `LiveFigure` says; all places are in pixels."""
    canvas = Canvas(HEIGHT)
    # Browser tests count on the maps to be the first traces, and on the curves to come next.
    maps = Maps(canvas, 50, given, log, axes, ends)
    progress = Progress(canvas, 350, 120, loss, log_loss, dim)
    ranks = RanksPanel(canvas, Place(58, 526, 690, 76))
    line = Slice(canvas, Place(818, 526, 306, 76), axes, ends) if dim < 3 else None
    solid = Solid(canvas, Place(800, 350, 330, 280)) if dim == 3 else None
    strip = Strip(canvas, 14, 2, pictures) if pictures else None
    maps.add_lines(canvas)
    return Panels(maps, progress, ranks, line, solid, strip, canvas.build(script))
