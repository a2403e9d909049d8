"""Which widget calls which verb, and what a changed setting means for the run."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdekit as pk
from pdekit.memory import memory_available
from pdekit.views.dashboard.tasks import Tasks

if TYPE_CHECKING:
    from pdekit.train import Experiment
    from pdekit.views.dashboard.dashboard import Dashboard

LIVE = ("rate", "slow")  # what may change while it trains
SAME = (*LIVE, "ranks", "threads")  # and what may while it is paused


def connect(dash: "Dashboard", tasks: Tasks) -> None:
    """Wire the widgets of `dash` to its verbs; what a click leads to, and raises, is told in the message line."""
    verbs, keeping, engines = dash.verbs, dash.keeping, dash.engines
    for button, verb in (
        (verbs.train, _as_said(dash, dash.train)), (verbs.step, _as_said(dash, dash.step)),
        (engines.scaling.measure, _as_said(dash, dash.measure)),
        (engines.start, dash.start_engines), (engines.restart, dash.restart), (engines.stop, dash.stop_engines),
        (keeping.save, lambda: dash.save(keeping.place.value)),
        (keeping.open, lambda: dash.open(keeping.place.value)),
    ):  # fmt: skip
        button.on_click(_launching(tasks, verb))
    for button, verb in (
        (verbs.pause, dash.pause), (verbs.reset, dash.reset), (verbs.compare, dash.compare), (verbs.undo, dash.undo),
        *((one, _exporting(dash, suffix)) for suffix, one in keeping.exports.items()),
    ):  # fmt: skip
        button.on_click(_telling(tasks, verb))
    keeping.line.observe(lambda change: _pasted(dash, tasks, change.new), "value")
    dash.form.on_change(lambda name: _changed(dash, tasks, name))
    dash._display.on_sample(lambda: None if dash.running else tasks.launch(dash.look()))
    keeping.show(dash.text)


async def room(experiment: "Experiment", ranks: int) -> str:
    """What a run needs and the machine has, in words, where it has too little; else nothing.

    Counted in a thread, as torch loads for seconds at the first time; but a network of the user's own here, as it is
    run and may draw from the random numbers that all threads share.
    """
    if experiment.generator.runs_code:
        found = pk.footprint(experiment, ranks)
    else:
        found = await asyncio.to_thread(pk.footprint, experiment, ranks)
    needed, there = ranks * found.total, memory_available()
    return f"needs {needed / 1e9:.3g} GB, {there / 1e9:.3g} there" if needed > there else ""


def _launching(tasks: Tasks, verb: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    return lambda _: tasks.launch(verb())


def _as_said(dash: "Dashboard", verb: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Any]:
    """`verb`, refused while the experiment's line is one that could not be read: the settings are not what it says."""

    async def work() -> None:
        if dash.keeping.line.value != dash.text:
            dash.paste(dash.keeping.line.value)
        await verb()

    return work


def _telling(tasks: Tasks, verb: Callable[[], object]) -> Callable[[Any], None]:
    def click(_: Any) -> None:
        try:
            verb()
        except Exception as error:  # there is nobody above a click
            tasks.complain(error)

    return click


def _exporting(dash: "Dashboard", suffix: str) -> Callable[[], Path]:
    return lambda: dash.export(Path(dash.keeping.place.value).with_suffix(suffix))


def _pasted(dash: "Dashboard", tasks: Tasks, text: str) -> None:
    """The experiment's line was changed, by somebody or by `Keeping.show`; emptied, it says what is set."""
    with suppress(ValueError):
        said = dash.text
        if not text.strip():
            dash.keeping.show(said)
        if text.strip() in ("", said):
            return
    _telling(tasks, lambda: dash.paste(text))(None)


def _changed(dash: "Dashboard", tasks: Tasks, name: str) -> None:
    """A setting has another value: check it, and say what it means."""
    dash._enable()
    try:
        experiment = dash.experiment
    except ValueError as error:
        dash.status.show_failure(error)
        return
    dash.keeping.show(dash.text)
    if dash.running:
        if name in LIVE and dash.run is not None:
            tasks.launch(dash.run.adjust(experiment.rate, dash.form.slow))
            dash.say(f"From the next step on: learning rate {experiment.rate:g}{_slowness(dash)}.", "busy")
        return
    if dash.run is None:
        dash.say("Press Train.")
        tasks.launch(_turned(dash, name, experiment))
    elif dash.run.goes_on_with(experiment, dash.form.ranks):
        dash.say("The run is done." if dash.solver.done else "Train goes on with the run.")
    else:
        older = _older(dash, name)
        dash.say(f"Another experiment: Train starts a new run. Compare keeps the curves of this one.{older}")


async def _turned(dash: "Dashboard", name: str, experiment: "Experiment") -> None:
    await dash.turn_to(experiment)  # which may bring another figure, without kept curves
    if dash.message == "Press Train.":
        dash.say(f"Press Train.{_older(dash, name)}")


def _older(dash: "Dashboard", name: str) -> str:
    """What to do about kept curves where another question was chosen."""
    return " Drop kept clears the curves of before." if name == "preset" and dash.figure.kept else ""


def _slowness(dash: "Dashboard") -> str:
    return f", the last rank {dash.form.slow:g} times as slow" if dash.form.slow > 1 else ""
