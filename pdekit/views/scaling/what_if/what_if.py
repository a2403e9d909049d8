"""The what-if as a widget: each slider is also a plain argument of `set`, and what it shows is `answer`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from html import escape
from typing import Any

import ipywidgets as widgets

from pdekit import checks
from pdekit.scaling.fitted.fit import Model
from pdekit.scaling.goal.answer import RANKS, Answer, steps_of, what_if
from pdekit.scaling.goal.cost import Cost
from pdekit.scaling.goal.measured import costs as costs_of
from pdekit.scaling.link import Network
from pdekit.scaling.network.machines import Machine
from pdekit.scaling.network.machines import machines as all_machines
from pdekit.tabled import table
from pdekit.views.bundle import bundle
from pdekit.views.dashboard.figure import style
from pdekit.views.scaling.what_if.controls import Controls
from pdekit.views.scaling.what_if.latest import Latest
from pdekit.views.scaling.what_if.panels import Panels
from pdekit.views.scaling.what_if.said import said
from pdekit.views.scaling.what_if.settings import BANDWIDTHS, LATENCIES, MEASURED, OWN, Settings
from pdekit.views.theme import grid_name

GOAL = 4e-3  # relative energy above its minimum, of the table's runs with the Galerkin head
Costs = Mapping[tuple[str, int], Cost]


class WhatIf:
    """Move sliders, and see what the fitted model says: speed-up with its band, parts of a step, time and money.

    model: of `pk.fit`, with steps. machines: by their names (default: `pk.machines()`). costs: what each (method,
    batch) takes to a loss, as of `pk.costs`, and `goal`, which loss that is, in words; its problem need not be that of
    the model's steps (default: the table of `optimizers` with the Galerkin head). The widget is the last value of a
    cell; `set` moves its sliders. resolution: of the steps (default: the finest that was measured).

    Raises ValueError for a model without steps.
    """

    def __init__(
        self,
        model: Model,
        machines: Mapping[str, Machine] | None = None,
        *,
        costs: Costs | None = None,
        goal: str = "the loss",
        resolution: int | None = None,
    ) -> None:
        steps = steps_of(model)
        if costs is None:
            costs, goal = (
                costs_of(table("optimizers"), "galerkin", GOAL),
                f"a gap of {100 * GOAL:g} % on {grid_name(32)}",
            )
        self.model, self.costs, self.goal, self.resolution = model, dict(costs), goal, resolution
        own = Machine(OWN, Settings().link)
        self.machines = {OWN: own} | dict(all_machines() if machines is None else machines)
        self._cabled: dict[tuple[str, str], Machine] = {}  # with what its cables carry
        self.words = ""  # the answer at the chosen number of ranks; or why there is none
        known = [*steps.compute.fixed, *dict.fromkeys(method for method, _ in self.costs)]
        self._optimizers = list(dict.fromkeys(known))
        self._names = [*([MEASURED] if model.messages else []), *self.machines]
        self._controls = Controls(self._names, {o: o for o in self._optimizers}, self._moved)
        self._panels = Panels()
        self._latest = Latest(self._refresh)
        figure = widgets.VBox(
            [style.style(), self._panels.widget], layout={"flex": "1 1 0", "min_width": "560px", "max_width": "1240px"}
        )  # fmt: skip
        figure.add_class(style.NAME)
        self.box = widgets.HBox([self._controls.box, figure], layout={"flex_flow": "row wrap"})
        link = Settings() if model.messages is None else model.messages.link
        best = min(self.costs, key=lambda key: self.costs[key].seconds, default=(self._optimizers[0], 64))
        span = {"latency": LATENCIES, "bandwidth": BANDWIDTHS}
        near = {name: min(max(getattr(link, name), low), high) for name, (low, high) in span.items()}
        self._settings = Settings(OWN, **near, batch=best[1], optimizer=best[0])
        if model.messages and self._knows(there := replace(self._settings, machine=MEASURED)):
            self._settings = there
        self._refresh()
        self._panels.widget.send_state(
            "_widget_data"
        )  # pages were told of the empty one, and draw what they know

    @property
    def settings(self) -> dict[str, Any]:
        """What the sliders stand at, in s and bytes/s: `set(**settings)` comes back to it."""
        return asdict(self._settings)

    @property
    def widget(self) -> Any:
        """The figure."""
        return self._panels.widget

    @property
    def sliders(self) -> Mapping[str, Any]:
        """The widgets by the names of their settings; they show µs and Gb/s."""
        return self._controls.widgets

    @property
    def answer(self) -> Answer:
        """What the model says now. ValueError where it says nothing: too far from what was measured."""
        return self._ask(self._settings)

    def set(self, **values: Any) -> Answer:
        """Move sliders: machine, latency (s), bandwidth (bytes/s), topology, ranks, batch, optimizer; the answer.

        A machine brings its latency, bandwidth and topology with it, or a `topology` in words: "flat", "fat-tree 32 8",
        "torus 3", "dragonfly 4 8", and "" for the machine's own. ValueError, and nothing changes, for a name or a
        value that is none, or where the model says nothing.
        """
        settings = self._changed(values)
        answer = self._ask(settings)
        self._settings = settings
        self._show(answer)
        return answer

    def _changed(self, values: Mapping[str, Any]) -> Settings:
        for name in values:
            checks.one_of("setting", name, tuple(self.settings))
        values, settings = dict(values), self._settings
        if "machine" in values:
            machine = checks.one_of("machine", values.pop("machine"), self._names)
            if machine not in (MEASURED, OWN):
                settings = replace(settings.with_machine(self.machines[machine]), machine=machine)
            else:
                settings = replace(settings, machine=machine, topology="")
        if "optimizer" in values:
            checks.one_of("optimizer", values["optimizer"], self._optimizers)
        return settings.changed(**values) if values else settings

    def _network(self, settings: Settings) -> Network | None:
        if settings.machine == MEASURED:
            return None
        key = settings.machine, settings.topology
        if key not in self._cabled:
            self._cabled[key] = settings.own_machine(self.machines[settings.machine])
        return self._cabled[key].over(settings.link)

    def _ask(self, settings: Settings) -> Answer:
        known = settings.optimizer in self.model.steps.compute.fixed
        cost = self.costs.get((settings.optimizer, settings.batch))
        ranks = sorted({*RANKS, settings.ranks})
        return what_if(
            self.model, settings.batch, self._network(settings), ranks=ranks, resolution=self.resolution,
            optimizer=settings.optimizer if known else None, cost=cost,
        )  # fmt: skip

    def _knows(self, settings: Settings) -> bool:
        """Whether the model says anything there; of allreduces on one world size only, it does not."""
        try:
            self._ask(settings)
        except ValueError:
            return False
        return True

    def _moved(self, name: str, value: Any) -> None:
        """Somebody moved a slider."""
        self._settings = self._changed({name: value})
        self._latest.ask()

    def _refresh(self) -> None:
        """Answer what the sliders stand at now."""
        try:
            self._show(self._ask(self._settings))
        except ValueError as error:  # too far from what was measured: said, and no curve
            self._show(None, str(error))

    def _show(self, answer: Answer | None, words: str = "") -> None:
        """Have sliders, traces and words say the same."""
        self._controls.show(self._settings)
        if answer is None:
            self._panels.clear()
        else:
            self._panels.paint(answer, self._settings.ranks, self.goal)
            words = said(answer, self._settings, self.goal)
        self.words = words
        self._controls.words.value = f'<div role="status" style="line-height:1.45">{escape(words)}</div>'

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return bundle(self.box, "pk.WhatIf", options)
