"""Where the controls are: the important ones in sight, the others in sections; a recipe's own come with it."""

from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Any, get_args, get_type_hints

import ipywidgets as widgets

from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, words
from pdekit.views.dashboard.form.draft import Draft
from pdekit.views.dashboard.form.explained import EXPLAINED, explained
from pdekit.views.dashboard.form.fields import Control
from pdekit.views.dashboard.form.parts import FLAT, settings_of
from pdekit.views.dashboard.form.presets import PRESETS
from pdekit.views.dashboard.form.sections import STYLE, Sections, halves
from pdekit.views.dashboard.form.sizes import labels

LABELS = {
    "rate": "Learning rate",
    "batch": "Batch",
    "dtype": "Numbers",
    "start": "Start from",
    "frozen": "Frozen parts",
    "mean": "Mean",
    "reduction": "Sums",
}
SLOW = {
    1.0: "off",
    1.5: "1.5 times as long",
    2.0: "2 times as long",
    4.0: "4 times as long",
    10.0: "10 times as long",
}
WHILE_TRAINING = ("rate", "slow")  # what may change
SECTIONS = {  # title -> the settings in it; "problem." stands for all of the problem's own
    "Problem": ("problem.",),
    "Generator": ("generator.",),
    "Optimizer and schedule": ("optimizer.", "schedule", "schedule."),
    "Loss, head, grids": ("objective", "head", "head.", "grids"),
    "Ranks": ("threads", "slow", "mean", "reduction"),
    "Seed, numbers, start": ("seed", "dtype", "start", "frozen"),
}
IN_SIGHT = ("problem.resolution", "generator.width")


class Panel:
    """The controls of `draft` in `box`; `call(control)` follows each change by the user."""

    def __init__(self, draft: Draft, ranks: int, threads: int, call: Callable[[Control], None]) -> None:
        self._menu, self._call = draft.menu, call
        self._own: dict[tuple[str, type], dict[str, Control]] = {}
        self._running = False
        self._row = widgets.Layout(width="100%", margin="0", overflow="visible")  # of all: each is a message
        hints = get_type_hints(Experiment)
        flat = {
            name: self._control(Experiment, name, hints.get(name)) for name in (*FLAT, "reduction", *PARTS)
        }
        around = {
            "ranks": {n: f"{n} rank{'s' * (n > 1)}" for n in range(1, ranks + 1)},
            "threads": {n: f"{n} a rank" for n in range(1, threads + 1)},
            "slow": SLOW,
            "preset": {"": "choose one"} | {one.name: one.name for one in PRESETS},
        }
        called = {"ranks": "World size", "threads": "Threads", "slow": "Last rank", "preset": "Question"}
        for name, said in around.items():
            line = EXPLAINED[f"Form.{name}"]
            flat[name] = Control(name, called[name], line, None, said, call, self._row)
        flat["preset"].widget.add_class("pdekit-question")  # whose names are long
        line = explained(type(draft.base.problem), "resolution")
        sizes = labels(draft, {})
        flat["problem.resolution"] = Control(
            "problem.resolution", "Resolution", line, None, sizes, call, self._row
        )
        self._flat, self._present = flat, dict(flat)
        self._places = {f"{part}.": _column() for part in PARTS}
        self._width, self._of_width = _column(), _column()
        self.question = widgets.HTML(layout={"width": "100%"})
        self.box = self._laid_out()

    def __getitem__(self, name: str) -> Control:
        """The control of a setting that there is now. KeyError if there is none of that name."""
        return self._present[name]

    def show(self, draft: Draft, sizes: Mapping[int, str]) -> None:
        """Hold what `draft` says, and mark what is wrong in it; `sizes` are words on resolutions."""
        values, problem = draft.values, draft.made.problem or draft.base.problem
        self._present = dict(self._flat)
        for part in PARTS:
            own = self._own_of(part, draft)
            self._present |= own
            rows = [one.row for name, one in own.items() if name not in IN_SIGHT]
            _fill(self._places[f"{part}."], rows)
        width = [self._present[name] for name in ("generator.width",) if name in self._present]
        _fill(self._width, [one.widget for one in width])
        _fill(self._of_width, [one.note for one in width])
        lists = {part: {name: name for name in self._menu.names(part)} for part in PARTS}
        lists["problem.resolution"] = labels(draft, dict(sizes))
        lists["objective"] = {name: name for name in problem.objectives}
        for name, control in self._present.items():
            control.show(values[name], lists.get(name))
            error = draft.made.wrong.get(name)
            control.say("" if error is None else str(error), wrong=error is not None)
        self.sections.mark(_sections_of(draft.made.wrong))
        said = sizes.get(values["problem.resolution"], "")
        if said and "problem.resolution" not in draft.made.wrong:
            self["problem.resolution"].say(said)
        self.question.value = _question(values["preset"], len(self["ranks"].widget.options))
        self.enable(running=self._running)

    def enable(self, *, running: bool) -> None:
        """While it trains, only the learning rate and the slow rank stay open."""
        self._running = running
        for name, control in self._present.items():
            control.widget.disabled = running and name not in WHILE_TRAINING

    def _laid_out(self) -> widgets.VBox:
        sections = Sections(list(SECTIONS))
        for title, names in SECTIONS.items():
            sections.boxes[title].children = [
                self._places[name] if name in self._places else self._flat[name].row for name in names
            ]
        row = {name: control.row for name, control in self._flat.items()}
        samples, batch, steps = (self._flat[name] for name in ("samples", "batch", "steps"))
        made = widgets.VBox(
            [
                widgets.HTML(STYLE, layout={"display": "block", "height": "0", "margin": "0"}),
                row["preset"], self.question, row["problem"], row["problem.resolution"], row["generator"],
                row["optimizer"], row["rate"], row["ranks"],
                halves(samples.widget, batch.widget), samples.note, batch.note,
                halves(steps.widget, self._width), steps.note, self._of_width, sections.box,
            ],
            layout={
                "width": "262px", "flex": "0 0 auto", "overflow": "visible", "margin": "0 14px 0 0"
            },
        )  # fmt: skip
        made.add_class("pdekit-form")
        self.sections = sections
        return made

    def _own_of(self, part: str, draft: Draft) -> dict[str, Control]:
        """The controls of the settings of that part's recipe, made when they are first asked for."""
        recipe = self._menu.recipe(part, draft.values[part])
        if recipe is None:
            return {}
        if (part, recipe) not in self._own:
            hints = get_type_hints(recipe)
            self._own[part, recipe] = {
                f"{part}.{name}": self._control(recipe, name, hints[name], f"{part}.")
                for name in settings_of(recipe)
                if name != "resolution" and not _is_code(hints[name])
            }
        return self._own[part, recipe]

    def _control(self, recipe: type, name: str, hint: Any, part: str = "") -> Control:
        label = LABELS.get(name, name.capitalize()) if not part else name.replace("_", " ")
        label = {"generator.width": "Width", "problem.seed": "family"}.get(part + name, label)
        said = words(recipe, name) or ({} if name in PARTS else None)
        return Control(part + name, label, explained(recipe, name), hint, said, self._call, self._row)


def _is_code(hint: Any) -> bool:
    """Whether a setting may be a function of the user's, which is not shown."""
    return Callable in get_args(hint)


def _sections_of(names: Collection[str]) -> set[str]:
    """The titles of the sections that settings of those `names` are in."""
    hidden = {name for name in names if name not in IN_SIGHT}
    hidden |= {name.partition(".")[0] + "." for name in hidden if "." in name}
    return {title for title, inside in SECTIONS.items() if hidden & set(inside)}


def _column() -> widgets.VBox:
    return widgets.VBox(layout={"width": "100%", "overflow": "visible"})


def _fill(box: widgets.VBox, children: list[widgets.Widget]) -> None:
    if box.children != tuple(children):
        box.children = children


def _question(name: str, ranks: int) -> str:
    """The question of that preset, what to do, and its answer behind a click."""
    one = next((preset for preset in PRESETS if preset.name == name), None)
    if one is None:
        return ""
    few = f" (It needs {one.ranks} ranks, of which there are {ranks}.)" if ranks < one.ranks else ""
    answer = f'<details><summary style="cursor:pointer">Answer</summary>{escape(one.answer)}</details>'
    return f"<div><b>{escape(one.question)}</b> {escape(one.hint + few)}{answer}</div>"
