"""How the experiment on show scales on the engines, measured on a click and drawn under the dashboard."""

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets

import pdekit as pk
from pdekit.views.dashboard.figure import style
from pdekit.views.dashboard.figure.canvas import CLEAR
from pdekit.views.dashboard.figure.wire import Wire
from pdekit.views.dashboard.verbs import button
from pdekit.views.scaling.speedup import plot_speedup
from pdekit.views.scaling.step import plot_step

if TYPE_CHECKING:
    from pdekit.measure.plan import Plan
    from pdekit.scaling import Measurement
    from pdekit.train import Experiment

ROUNDS = 3  # over all world sizes: the least that shows a spread


class GivenUpError(Exception):
    """The measuring was to end before all was measured."""


class ScalingRoom:
    """`measure` is the button, `box` where the figures appear."""

    def __init__(self) -> None:
        tooltip = (
            "Seconds per step on 1, 2, ... ranks, with this grid, batch and optimizer; the run stays as it is"
        )
        self.measure = button("Measure", "line-chart", tooltip)
        self.box = widgets.VBox()
        self.box.add_class(style.NAME)

    def enable(self, *, running: bool, dead: bool, ranks: int) -> None:
        """Offer it where it makes sense."""
        self.measure.disabled = running or dead or ranks == 1

    def show(self, measurement: "Measurement") -> None:
        """Speed-up, and where the time of a step goes."""
        figures = [plot_speedup(measurement), plot_step(measurement)]
        words = widgets.HTML("<br>".join(map(escape, measurement.warnings)))
        for figure in figures:
            figure.update_layout(  # as wide as the page lets it be, on the page's ground
                width=None, autosize=True, paper_bgcolor=CLEAR, plot_bgcolor=CLEAR, legend_bgcolor=CLEAR
            )
        self.box.children = (*map(Wire, figures), words)


def steps_of(experiment: "Experiment", optimizer: str, ranks: int, threads: int) -> "Plan":
    """Its steps on 1, 2, 4, ... and `ranks` ranks: strong scaling, without messages alone."""
    return pk.Plan.upto(
        ranks,
        resolutions=experiment.problem.resolution,
        global_batch=experiment.batch,
        scaling="strong",
        optimizers=optimizer,
        bytes=(),
        rounds=ROUNDS,
        threads=threads,
        experiment=str(experiment),
    )
