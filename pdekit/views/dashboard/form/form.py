"""Every setting of an experiment as a control: checked as it is typed, taken back by undo, and copied as one line."""

from collections.abc import Callable

import ipywidgets as widgets

from pdekit import checks
from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, Menu
from pdekit.views.dashboard.form.draft import Draft
from pdekit.views.dashboard.form.fields import Control
from pdekit.views.dashboard.form.panel import Panel
from pdekit.views.dashboard.form.parts import of_part, taken_apart
from pdekit.views.dashboard.form.presets import PRESETS
from pdekit.views.dashboard.form.sizes import Room, Sizes
from pdekit.views.dashboard.form.values import Unread

LIGHT = ("rate", "steps", "seed", "schedule", "slow", "threads")  # what changes nothing about the memory


class Form:
    """The settings of a run on up to `most_ranks` ranks of up to `most_threads` threads: widgets in `box`.

    It knows nothing of clusters or training. `await room(experiment, ranks)` says in words why a run will not
    fit in memory, or nothing; it is asked for one size after the other while the event loop has nothing else to do.
    """

    def __init__(
        self,
        experiment: Experiment,
        ranks: int,
        most_ranks: int,
        threads: int,
        most_threads: int,
        room: Room | None = None,
    ) -> None:
        checks.whole("ranks", ranks, most=most_ranks)
        checks.whole("threads", threads, most=most_threads)
        menu = Menu()
        around = {"ranks": ranks, "threads": threads, "slow": 1.0, "preset": ""}
        self._draft = Draft({**taken_apart(experiment, menu), **around}, menu, experiment)
        self._past: list[Draft] = []
        self._kept: dict[
            tuple[str, str], dict[str, object]
        ] = {}  # (part, kind) -> its settings when last seen
        self._calls: list[Callable[[str], None]] = []
        self._most = {"ranks": most_ranks, "threads": most_threads}
        self._words: dict[int, str] = {}
        self.panel = Panel(self._draft, most_ranks, most_threads, self._edited)
        self._sizes = Sizes(room, self._heard, self._unheard)
        self.panel.show(self._draft, self._words)
        self._sizes.ask(self._draft)

    @property
    def box(self) -> widgets.Widget:
        """What to show."""
        return self.panel.box

    @property
    def experiment(self) -> Experiment:
        """What the controls say. Raises ValueError in words for what cannot work."""
        made = self._draft.made
        if made.experiment is None:
            raise next(iter(made.wrong.values()))
        return made.experiment

    @property
    def sound(self) -> bool:
        """Whether the controls make an experiment."""
        return self._draft.made.experiment is not None

    @property
    def ranks(self) -> int:
        """The world size."""
        return self._draft.values["ranks"]

    @property
    def threads(self) -> int:
        """Of each rank."""
        return self._draft.values["threads"]

    @property
    def slow(self) -> float:
        """The factor by which the last rank computes longer; 1.0 where that is off."""
        return self._draft.values["slow"]

    @property
    def optimizer(self) -> str:
        """The name of the optimizer's kind."""
        return self._draft.values["optimizer"]

    @property
    def text(self) -> str:
        """The experiment as one line. ValueError as of `experiment`."""
        return str(self.experiment)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    def on_change(self, call: Callable[[str], None]) -> None:
        """Call `call(name)` after each change, once all controls agree.

        `name` is that of the setting, such as "rate" or "problem.eta", or "preset", "paste", "undo", "show".
        """
        self._calls.append(call)

    def set(self, name: str, value: object) -> None:
        """Change one setting as a user would. KeyError if there is none of that name now."""
        self.panel[name]
        if name == "preset":
            self._turn(self._of_preset(value), name)
            return
        kept = self._kept.get((name, str(value))) if name in PARTS else None
        self._turn(self._draft.changed(name, value, kept), name)

    def show(self, experiment: Experiment, ranks: int | None = None, threads: int | None = None) -> None:
        """Set all controls at once: one change, which `undo` takes back."""
        given = {name: n for name, n in (("ranks", ranks), ("threads", threads)) if n is not None}
        for name, n in given.items():
            checks.whole(name, n, most=self._most[name])
        self._turn(self._draft.shown(experiment, preset="", **given), "show")

    def undo(self) -> bool:
        """Take back the last change, a preset or a paste included; False where there is none."""
        if not self._past:
            return False
        self._accept(self._past.pop(), "undo")
        return True

    def paste(self, text: str) -> None:
        """Set all controls to an experiment copied as text. ValueError for other text, which leaves all as it was."""
        self._turn(self._draft.shown(Experiment.parse(text, code=False), preset=""), "paste")

    def enable(self, *, running: bool) -> None:
        """While it trains, only the learning rate and the slow rank stay open."""
        self.panel.enable(running=running)

    def _of_preset(self, name: object) -> Draft:
        preset = next((one for one in PRESETS if one.name == name), None)
        if preset is None:
            return self._draft.changed("preset", "")
        ranks = min(preset.ranks, self._most["ranks"])
        return self._draft.shown(preset.experiment, preset=name, ranks=ranks, slow=preset.slow)

    def _edited(self, control: Control) -> None:
        """The user changed a control."""
        try:
            value = control.read()
        except ValueError as error:
            value = Unread(control.widget.value, str(error))
        self.set(control.name, value)

    def _turn(self, draft: Draft, name: str) -> None:
        """Go on to `draft`, which can be taken back."""
        before = self._draft
        if draft.values == before.values:
            self.panel.show(before, self._words)  # the same number, written in another way
            return
        self._past.append(before)
        self._accept(draft, name)

    def _accept(self, draft: Draft, name: str) -> None:
        for part in PARTS:
            self._kept[part, self._draft.values[part]] = of_part(part, self._draft.values)
        self._draft = draft
        if name not in LIGHT:
            self._words = {}
            self._sizes.ask(draft)
        self.panel.show(draft, self._words)
        for call in self._calls:
            call(name)

    def _heard(self, words: dict[int, str]) -> None:
        self._words = words
        self.panel.show(self._draft, words)

    def _unheard(self, error: BaseException) -> None:
        self.panel["problem.resolution"].say(f"memory unknown: {error}")
