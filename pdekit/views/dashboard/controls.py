"""The settings box of the dashboard: what to train on how many ranks, the verbs, progress, and words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import ipywidgets as widgets

import pdekit as pk
from pdekit.views.theme import grid_name

RESOLUTIONS = (32, 48, 64, 96, 128)
OPTIMIZERS = ("adamw", "adam", "sgd", "muon", "lbfgs", "slbfgs")  # optim.menu.OFFERED, which needs torch
GENERATORS = ("UNet", "EncoderDecoder", "ResNet", "FNO")
WIDTH = "236px"

# What a message is about, as the colour of its left edge.
_EDGES = {"plain": "#b8c1cb", "busy": "#0072B2", "good": "#009E73", "wrong": "#D55E00"}


@dataclass(frozen=True)
class Settings:
    """What the controls say: grid nodes along a side, ranks, optimizer, learning rate, kind of generator."""

    resolution: int
    ranks: int
    optimizer: Any  # a name, or a recipe
    rate: float
    generator: str

    def applied_to(self, base: Any) -> Any:
        """The experiment `base` with these settings. Raises ValueError for settings that cannot work.

        A generator of another kind has that kind's own settings.
        """
        problem, generator = base.problem.at(self.resolution), base.generator
        if type(generator).__name__ != self.generator:
            generator = getattr(pk, self.generator)()
        changed = {"problem": problem, "generator": generator, "rate": self.rate}
        return replace(base.with_optimizer(self.optimizer), **changed)


class Controls:
    """The widgets, and nothing that knows what they are for: `box` holds them, `settings` reads them."""

    def __init__(self, title: str, samples: int, ranks: int, settings: Settings, dim: int = 2) -> None:
        self._dim = dim
        self.resolution = _choice(
            "Resolution", [(grid_name(n, dim), n) for n in sorted({*RESOLUTIONS, settings.resolution})],
            settings.resolution, f"Grid nodes along each side of the unit {'square' if dim == 2 else 'cube'}",
        )  # fmt: skip
        self.ranks = _choice(
            "World size", [(f"{n} rank{'s' * (n > 1)}", n) for n in range(1, ranks + 1)],
            settings.ranks, "MPI ranks that share each batch",
        )  # fmt: skip
        self.generator = _choice(
            "Generator", list(dict.fromkeys([*GENERATORS, settings.generator])), settings.generator,
            "The network that proposes the solution",
        )  # fmt: skip
        self.optimizer = _choice(
            "Optimizer",
            _methods(settings.optimizer),
            settings.optimizer,
            "Each works on the loss of all ranks",
        )
        self.rate = widgets.FloatText(
            settings.rate, description="Learning rate", style=_STYLE, layout=_row(),
            tooltip="Step size at the start of the schedule, above 0",
        )  # fmt: skip
        self.sample = _choice(
            "Shown sample",
            [(f"held-out {k}", k) for k in range(samples)],
            0,
            "A field that no training run uses",
        )
        self.facts = widgets.HTML()
        self.train, self.stop, self.reset = _button("Train", "primary"), _button("Stop"), _button("Reset")
        self.restart = widgets.Button(
            description="Restart engines",
            button_style="warning",
            icon="refresh",
            layout=_row(display="none", margin="6px 0 0 0"),
        )
        self.progress = widgets.IntProgress(
            0, 0, 1, layout=_row(height="14px", margin="6px 0 0 0"), style={"bar_color": "#0072B2"}
        )
        self.left, self.error, self.message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        for text in (self.facts, self.left, self.error, self.message):
            text.layout = _row()
        heading = widgets.HTML(f'<div style="font-size:17px;font-weight:600;line-height:1.3">{title}</div>')
        self.box = widgets.VBox(
            [
                heading, self.resolution, self.ranks, self.generator, self.optimizer, self.rate, self.facts,
                self.sample,
                widgets.HBox([self.train, self.stop, self.reset], layout=_row(margin="8px 0 0 0")),
                self.restart, self.progress, self.left, self.error, self.message,
            ],
            layout=widgets.Layout(
                width="262px", padding="10px 12px", border="1px solid #dde2e7", flex="0 0 auto"
            ),
        )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """What the controls say now; not checked."""
        return Settings(*(widget.value for widget in self._of_run))

    @property
    def _of_run(self) -> tuple[widgets.ValueWidget, ...]:
        """The widgets of `Settings`, in its order."""
        return self.resolution, self.ranks, self.optimizer, self.rate, self.generator

    def on_setting(self, call: Callable[[Any], None]) -> None:
        """Call `call(change)` when a setting of the run changes."""
        for widget in self._of_run:
            widget.observe(call, "value")

    def enable(self, *, running: bool, dead: bool = False) -> None:
        """Show which verbs make sense now: settings and Train while idle, Stop while it trains."""
        for widget in self._of_run:
            widget.disabled = running
        self.train.disabled, self.stop.disabled = running or dead, not running
        self.restart.layout.display = "inline-block" if dead else "none"

    def say(self, text: str, kind: str = "plain") -> None:
        """Put `text` (plain words) on the message line; `kind` is plain, busy, good or wrong."""
        style = f"border-left:4px solid {_EDGES[kind]};padding:2px 0 2px 8px;line-height:1.35;font-size:13px"
        role = "alert" if kind == "wrong" else "status"
        self.message.value = f'<div role="{role}" class="pdekit-message" style="{style}">{escape(text)}</div>'

    def show_facts(self, experiment: Any) -> None:
        """What else the run is made of."""
        words = f"{experiment.samples:,} samples, batch {experiment.batch}, {experiment.steps:,} steps"
        self.facts.value = f'<div style="font-size:12px;color:#6b7785;line-height:1.3">{words}</div>'

    def show_progress(self, step: int, steps: int, left: float | None) -> None:
        """The bar at `step` of `steps`, and the seconds left where they are known."""
        self.progress.max, self.progress.value = max(steps, 1), step
        words = f"step {step:,} of {steps:,}" + ("" if left is None else f" · {_span(left)} left")
        self.left.value = f'<div style="font-size:13px;line-height:1.3">{words}</div>'

    def show_error(self, error: float | None, resolution: int = 0) -> None:
        """The relative L2 error of the shown sample on `resolution` nodes a side, in large figures."""
        number = "–" if error is None else f"{100 * error:.3g} %"
        where = f" on {grid_name(resolution, self._dim)}" if resolution else ""
        self.error.value = (
            '<div style="line-height:1.25;margin:6px 0">'
            f'<span style="font-size:28px;font-weight:600">{number}</span>'
            f'<br><span style="font-size:12px;color:#6b7785">relative L² error{where}</span></div>'
        )


_STYLE = {"description_width": "98px"}


def _row(**more: str) -> widgets.Layout:
    return widgets.Layout(**({"width": WIDTH, "margin": "2px 0"} | more))


def _choice(label: str, options: Any, value: Any, tooltip: str) -> widgets.Dropdown:
    return widgets.Dropdown(
        options=options, value=value, description=label, tooltip=tooltip, style=_STYLE, layout=_row()
    )


def _methods(given: Any) -> list[tuple[str, Any]]:
    """The methods by name, and the `given` one, which may be a recipe with settings."""
    return [(str(one), one) for one in dict.fromkeys([*OPTIMIZERS, given])]


def _button(label: str, style: str = "") -> widgets.Button:
    return widgets.Button(
        description=label, button_style=style, layout=widgets.Layout(width="76px", margin="0 3px 0 0")
    )


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
