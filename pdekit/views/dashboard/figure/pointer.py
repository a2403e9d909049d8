"""What the mouse asks of the live figure: a sample by a click, a slice under the pointer, the row above."""

from typing import TYPE_CHECKING, Any

from pdekit.views.dashboard.figure.home import Home
from pdekit.views.dashboard.figure.panels import Panels
from pdekit.views.dashboard.figure.seldom import Seldom

if TYPE_CHECKING:
    from pdekit.views.dashboard.figure.live import LiveFigure

HOVER = 0.1  # seconds between two slices under the pointer


def connect(figure: "LiveFigure", panels: Panels) -> None:
    """Have the mouse call the methods of `figure`, in the thread that made it."""
    home, seldom, bar = Home(), Seldom(HOVER), figure.bar
    bar.on_by(lambda by: home.do(lambda: figure.show_by(by)))
    bar.on_drop(lambda: home.do(figure.drop_kept))
    bar.on_time(lambda when: home.do(lambda: figure.show_slice(when)))
    if panels.strip:
        panels.strip.on_click(lambda number: home.do(lambda: figure.choose(number)))

    def hovered(_: Any, points: Any, __: Any) -> None:
        if points.ys:
            where = float(points.ys[0])
            show = bar.show_time if figure.time else figure.show_slice
            home.do(lambda: seldom.do(lambda: show(where)))

    if panels.slice:
        for pen in panels.maps.pens[1:]:
            pen.trace.on_hover(hovered)
