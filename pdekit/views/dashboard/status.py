"""What the dashboard says: a message in words, progress with the time left, and the error in large figures."""

from html import escape

import ipywidgets as widgets

from pdekit.views.theme import grid_name

# What a message is about, as the colour of its left edge.
_EDGES = {"plain": "#8a96a3", "busy": "#0072B2", "good": "#009E73", "wrong": "#D55E00"}
_QUIET = "font-size:12px;color:var(--jp-ui-font-color2,#6b7785);line-height:1.3"


class Status:
    """`message`, `progress` with `left`, and `error` are widgets; the methods put words into them."""

    def __init__(self, dim: int = 2) -> None:
        self.dim, self.text = dim, ""
        self.message = widgets.HTML(layout={"flex": "1 1 auto", "margin": "0 8px"})
        self.progress = widgets.IntProgress(
            0, 0, 1, layout={"width": "210px", "height": "12px"}, style={"bar_color": "#0072B2"}
        )
        self.left = widgets.HTML()
        self.error = widgets.HTML(layout={"width": "190px", "flex": "0 0 auto"})
        going = widgets.VBox([self.progress, self.left], layout={"width": "230px", "flex": "0 0 auto"})
        self.box = widgets.HBox([self.error, going, self.message], layout={"align_items": "center"})
        self.box.add_class("pdekit-status")

    def say(self, text: str, kind: str = "plain") -> None:
        """Put `text` (plain words) on the message line; `kind` is plain, busy, good or wrong."""
        self.text = text
        style = f"border-left:4px solid {_EDGES[kind]};padding:2px 0 2px 8px;line-height:1.35;font-size:13px"
        role = "alert" if kind == "wrong" else "status"
        self.message.value = f'<div role="{role}" class="pdekit-message" style="{style}">{escape(text)}</div>'

    def show_failure(self, error: BaseException) -> None:
        """Say in the message line what went wrong."""
        # What pdekit raises is a sentence already; of other errors the kind helps.
        own = isinstance(error, ValueError) or type(error).__module__.startswith("pdekit")
        self.say(str(error) if own else f"{type(error).__name__}: {error}", "wrong")

    def show_progress(self, step: int, steps: int, left: float | None) -> None:
        """The bar at `step` of `steps`, and the seconds left where they are known."""
        self.progress.max, self.progress.value = max(steps, 1), step
        words = f"step {step:,} of {steps:,}" + ("" if left is None else f" · {_span(left)} left")
        self.left.value = f'<div style="{_QUIET}">{words}</div>'

    def show_error(self, error: float | None, resolution: int = 0) -> None:
        """The relative L2 error of the shown sample on `resolution` nodes a side, in large figures."""
        number = "–" if error is None else f"{100 * error:.3g} %"
        where = f" on {grid_name(resolution, self.dim)}" if resolution else ""
        self.error.value = (
            f'<div style="line-height:1.15"><span style="font-size:24px;font-weight:600">{number}</span>'
            f'<br><span style="{_QUIET}">relative L² error{where}</span></div>'
        )


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
