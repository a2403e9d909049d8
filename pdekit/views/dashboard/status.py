"""What the dashboard says: a message in words, progress with the time left, and the error in large figures."""

from html import escape

import ipywidgets as widgets

from pdekit.views.theme import grid_name

# What a message is about, as the colour of its left edge.
_EDGES = {"plain": "#8a96a3", "busy": "#0072B2", "good": "#009E73", "wrong": "#D55E00"}
_TWO_LINES = "40px"  # of the message, whatever it says: it scrolls, and the page stays where it is
_BIG = "display:inline-block;min-width:86px;margin-right:6px;font-size:24px;font-weight:600;line-height:1.15"
_BAR = "flex:1 1 60px;min-width:60px;height:12px;accent-color:#0072B2"
_QUIET = "font-size:12px;color:var(--jp-ui-font-color2,#6b7785);line-height:1.3"


class Status:
    """`message` and `going` (error, progress, time left) are widgets; the methods put words into them."""

    def __init__(self, dim: int = 2) -> None:
        self.dim, self.text = dim, ""
        self.message = widgets.HTML(layout={"height": _TWO_LINES, "margin": "2px 0"})
        # One widget, and so one message to the page after each piece of training.
        self.going = widgets.HTML()
        self.step, self.steps, self._left = 0, 1, ""
        self._error = ""
        self.show_error(None)
        self.box = widgets.VBox([self.going, self.message])
        self.box.add_class("pdekit-status")

    def say(self, text: str, kind: str = "plain") -> None:
        """Put `text` (plain words) on the message line; `kind` is plain, busy, good or wrong."""
        self.text = text
        style = f"border-left:4px solid {_EDGES[kind]};padding:2px 0 2px 8px;line-height:18px;font-size:13px;"
        style += f"height:{_TWO_LINES};box-sizing:border-box;overflow-y:auto;display:grid;align-content:safe center"
        role = "alert" if kind == "wrong" else "status"
        self.message.value = f'<div role="{role}" class="pdekit-message" style="{style}">{escape(text)}</div>'

    def show_failure(self, error: BaseException) -> None:
        """Say in the message line what went wrong."""
        # What pdekit raises is a sentence already; of other errors the kind helps.
        own = isinstance(error, ValueError) or type(error).__module__.startswith("pdekit")
        self.say(str(error) if own else f"{type(error).__name__}: {error}", "wrong")

    def show_progress(self, step: int, steps: int, left: float | None) -> None:
        """The bar at `step` of `steps`, and the seconds left where they are known."""
        self.step, self.steps = step, max(steps, 1)
        self._left = f"step {step:,} of {steps:,}" + ("" if left is None else f" · {_span(left)} left")
        self._show()

    def show_error(self, error: float | None, resolution: int = 0) -> None:
        """The relative L2 error of the shown sample on `resolution` nodes a side, in large figures."""
        number = "–" if error is None else f"{100 * error:.3g} %"
        where = f" on {grid_name(resolution, self.dim)}" if resolution else ""
        self._error = (
            f'<span style="{_BIG}">{number}</span><span style="{_QUIET}" title="relative L² error, against the '
            f'classical solution on that grid">error of this sample{where}</span>'
        )
        self._show()

    def _show(self) -> None:
        bar = f'<progress value="{self.step}" max="{self.steps}" aria-label="steps taken" style="{_BAR}"></progress>'
        self.going.value = (  # in one line, also for a cube: the page stays where it is
            '<div style="display:flex;align-items:center;gap:8px;white-space:nowrap">'
            f'<div style="min-width:290px">{self._error}</div>'
            f'{bar}<div style="flex:0 0 220px;{_QUIET}">{self._left}</div></div>'
        )


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
