"""The form as a user meets it, without a browser: controls are changed, and the experiment is read."""

import asyncio
import html
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import ipywidgets as widgets
import pytest

import pdekit as pk
from pdekit.views.dashboard.form import sizes
from pdekit.views.dashboard.form.choices import OFFERED
from pdekit.views.dashboard.form.form import Form

FIRST = pk.Experiment(pk.Poisson(32), samples=128)


def form_of(experiment: pk.Experiment = FIRST, room: Callable | None = None) -> Form:
    return Form(experiment, ranks=2, most_ranks=4, threads=1, most_threads=2, room=room)


@pytest.fixture
def form() -> Form:
    """A form, and in `form.seen` the names of the changes that it told of."""
    made = form_of()
    made.seen = []
    made.on_change(made.seen.append)
    return made


def type_in(form: Form, name: str, value: object) -> None:
    """Change a control as a user does."""
    form.panel[name].widget.value = value


def note(form: Form, name: str) -> str:
    return form.panel[name].note.value


def test_it_opens_on_the_experiment_that_it_is_given(form: Form) -> None:
    assert form.experiment == FIRST and form.text == str(FIRST)
    assert (form.ranks, form.threads, form.slow) == (2, 1, 1.0)
    assert not form.can_undo and not form.undo() and form.seen == []
    assert form.panel["rate"].widget.value == "0.003"
    assert form.panel["problem.eta"].widget.value == "0.5"


WEAK = """
def form(u, grad_u, v, grad_v, x, c):
    return (grad_u * grad_v).sum(dim=0) * c - v
"""


ENERGY = """
def psi(u, grad_u, x, c):
    return c * grad_u.square().sum(dim=0) / 2
"""


@pytest.mark.parametrize(
    "experiment",
    [
        *(pk.Experiment(getattr(pk, name)(32)) for name in OFFERED["problem"]),
        *(pk.Experiment(pk.Poisson(32), getattr(pk, name)()) for name in OFFERED["generator"]),
        *(FIRST.with_optimizer(name) for name in (*OFFERED["optimizer"], "soap", "newton-cg", pk.Then())),
        *(replace(FIRST, schedule=name) for name in OFFERED["schedule"]),
        *(replace(FIRST, **{way: True}) for way in ("overlap", "sharded", "reproducible")),
        pk.Experiment(
            pk.Poisson(65, order=2, source="sin(pi*x)", obstacle=pk.Obstacle("x > 0.9")),
            pk.ResNet(norm="group", coordinates=False), pk.AdamW(decay=0.0), 0.01, pk.WarmUp(then=pk.StepDecay()),
            head=pk.Galerkin(4, 3), objective="mean", grids="w", dtype="float64", frozen=("body.0",), mean="ranks",
        ),
        pk.Experiment(pk.Poisson(16, dim=3, permeability=pk.Matern(dimension=3, modes=8)), pk.UNet(depth=2)),
        pk.Experiment(pk.PDE(32, weak=WEAK)),
    ],
    ids=lambda one: f"{type(one.problem).__name__}-{one.optimizer}-{one.schedule}"[:40],
)  # fmt: skip
def test_every_experiment_goes_in_and_comes_out_the_same(form: Form, experiment: pk.Experiment) -> None:
    form.show(experiment)
    assert form.experiment == experiment and str(form.experiment) == str(experiment)
    assert form.undo() == (experiment != FIRST) and form.experiment == FIRST
    if not isinstance(experiment.problem, pk.PDE):
        form.paste(f"  {experiment}\n")
        assert form.experiment == experiment


CHANGES = {
    "rate": ("3e-2", "rate", 0.03),
    "batch": ("16", "batch", 16),
    "steps": ("1e3", "steps", 1000),
    "seed": ("7", "seed", 7),
    "objective": ("root", "objective", "root"),
    "grids": ("v", "grids", "v"),
    "dtype": ("float64", "dtype", "float64"),
    "mean": ("ranks", "mean", "ranks"),
    "frozen": ("('down.0',)", "frozen", ("down.0",)),
    "start": ("runs/a.safetensors", "start", "runs/a.safetensors"),
    "reduction": ("sharded", "sharded", True),
    "problem.resolution": (64, "problem", pk.Poisson(64)),
    "problem.eta": ("0.25", "problem", pk.Poisson(32, eta=0.25)),
    "problem.permeability": ("pk.Matern(length=0.3)", "problem", pk.Poisson(32, permeability=pk.Matern(length=0.3))),
    "generator.width": ("8", "generator", pk.UNet(width=8)),
    "generator.norm": ("rank", "generator", pk.UNet(norm="rank")),
    "generator.coordinates": (False, "generator", pk.UNet(coordinates=False)),
    "optimizer.betas": ("0.8, 0.9", "optimizer", pk.AdamW(betas=(0.8, 0.9))),
    "schedule": ("plateau", "schedule", "plateau"),
    "head": ("galerkin", "head", pk.Galerkin()),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_once_and_changes_that_setting_alone(form: Form, name: str) -> None:
    value, setting, expected = CHANGES[name]
    type_in(form, name, value)
    assert form.experiment == replace(FIRST, **{setting: expected})
    assert form.seen == [name]
    assert form.undo() and form.experiment == FIRST and form.seen == [name, "undo"]


def test_ranks_threads_and_the_slow_rank(form: Form) -> None:
    for name, value in (("ranks", 4), ("threads", 2), ("slow", 4.0)):
        type_in(form, name, value)
    assert (form.ranks, form.threads, form.slow) == (4, 2, 4.0)
    assert form.experiment == FIRST and form.seen == ["ranks", "threads", "slow"]
    assert all(form.undo() for _ in range(3)) and (form.ranks, form.threads, form.slow) == (2, 1, 1.0)
    with pytest.raises(ValueError, match="between 1 and 4"):
        form.show(FIRST, ranks=5)


@pytest.mark.parametrize("name", OFFERED["optimizer"])
def test_another_optimizer_brings_what_is_its_own(form: Form, name: str) -> None:
    type_in(form, "rate", "0.05")
    type_in(form, "problem.eta", "0.4")
    before = form.experiment
    type_in(form, "optimizer", "lbfgs" if name == "adamw" else name)
    if name == "adamw":
        before = form.experiment
        type_in(form, "optimizer", name)
    assert form.experiment == before.with_optimizer(name)
    assert form.panel["rate"].widget.value == repr(form.experiment.rate)
    assert form.undo() and form.experiment == before


def test_another_problem_keeps_what_makes_sense(form: Form) -> None:
    type_in(form, "problem.seed", "3")
    type_in(form, "problem.eta", "0.25")
    type_in(form, "batch", "4")
    type_in(form, "problem", "Burgers")
    burgers = pk.Experiment(pk.Burgers(32, seed=3), samples=128, batch=4)
    assert form.experiment == burgers and (burgers.objective, burgers.grids) == ("root", "single")
    type_in(form, "problem", "Poisson")
    assert form.experiment.problem == pk.Poisson(32, seed=3, eta=0.25)
    assert (form.experiment.objective, form.experiment.grids) == ("log", "coarse-to-fine")


def test_an_objective_of_ones_own_stays_where_it_can(form: Form) -> None:
    type_in(form, "objective", "mean")
    type_in(form, "problem", "Burgers")
    assert form.experiment.objective == "mean"
    type_in(form, "objective", "log")
    type_in(form, "problem", "Poisson")
    type_in(form, "problem.source", "1.0")  # where no logarithm is left
    assert form.experiment.objective == "asinh"
    assert [value for _, value in form.panel["objective"].widget.options] == ["asinh", "mean"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", "-1"), ("rate", "fast"), ("batch", "1000"), ("steps", "1.5"), ("samples", "0"),
        ("problem.eta", "0"), ("problem.faces", "Faces(x0=3)"), ("problem.source", "sin(q)"),
        ("schedule.end", "2"),
        ("generator.dropout", "1.5"), ("generator.depth", "7"), ("optimizer.betas", "0.9"), ("frozen", "(1, 2)"),
    ],
)  # fmt: skip
def test_a_wrong_value_stays_where_it_was_typed(form: Form, name: str, value: str) -> None:
    type_in(form, name, value)
    word = "resolution" if name == "generator.depth" else name.rpartition(".")[2]
    with pytest.raises(ValueError, match=rf"^({word}|formula|x0).*expected .*, got .*; "):
        _ = form.experiment
    with pytest.raises(ValueError):
        _ = form.text
    assert form.panel[name].widget.value == value
    blamed = "problem.resolution" if name == "generator.depth" else name
    assert 'role="alert"' in note(form, blamed) and "\N{BALLOT X}" in note(form, blamed)
    assert "pdekit-wrong" in form.panel[blamed].widget._dom_classes
    type_in(form, "seed", "9")  # another setting does not take it away
    assert form.panel[name].widget.value == value and form.panel["seed"].widget.value == "9"
    assert form.undo() and form.undo() and form.experiment == FIRST
    assert note(form, blamed) == "" and "pdekit-wrong" not in form.panel[blamed].widget._dom_classes
    assert form.seen == [name, "seed", "undo", "undo"]


def test_all_that_is_wrong_is_marked_at_once_with_its_own_message(form: Form) -> None:
    typed = {
        "steps": ("abc", "a whole number, got 'abc'"), "rate": ("-1", "a finite number above 0, got -1"),
        "samples": ("0", "between 1 and 1048576, got 0"), "batch": ("1000", "between 1 and 128, got 1000"),
        "generator.width": ("7.5", "a whole number, got '7.5'"), "generator.dropout": ("2", "below 1, got 2"),
        "problem.eta": ("0", "a finite number above 0, got 0"), "schedule.end": ("2", "below 1, got 2"),
    }  # fmt: skip
    for name, (value, _) in typed.items():
        type_in(form, name, value)
    marked = {name for name, one in form.panel._present.items() if "pdekit-wrong" in one.widget._dom_classes}
    assert marked == set(typed)
    for name, (_, words) in typed.items():
        assert f"{name.rpartition('.')[2]}: expected " in note(form, name), name
        assert words in html.unescape(note(form, name)), name
    while form.can_undo:
        form.undo()
    assert form.experiment == FIRST
    assert not any("pdekit-wrong" in one.widget._dom_classes for one in form.panel._present.values())


def test_what_is_right_is_not_marked_beside_what_is_wrong(form: Form) -> None:
    type_in(form, "samples", "256")
    type_in(form, "rate", "-1")
    type_in(form, "batch", "200")  # right with these samples
    assert list(form._draft.made.wrong) == ["rate"]
    type_in(form, "problem", "Burgers")
    type_in(form, "problem.residual", "upwind")
    assert list(form._draft.made.wrong) == ["rate"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("steps", "abc", "steps: expected a whole number, got 'abc'; "),
        ("rate", "fast", "rate: expected a number, got 'fast'; "),
        ("problem.permeability", "3", "expected a Field, or nothing for terms, eta, bound, got '3'; "),
        ("steps", "(" * 90, f"got '{'(' * 60}...'; "),
    ],
)
def test_a_text_that_cannot_be_read_is_told_what_is_needed(
    form: Form, name: str, text: str, words: str
) -> None:
    type_in(form, name, text)
    assert words in html.unescape(note(form, name))


def test_a_list_has_entries_of_one_kind(form: Form) -> None:
    type_in(form, "schedule", "multi-step")
    type_in(form, "schedule.at", "(None, None)")
    with pytest.raises(ValueError, match="at: expected a list in parentheses, got"):
        _ = form.experiment
    type_in(form, "schedule.at", "[0.2, 0.4]")
    assert form.experiment.schedule == pk.MultiStepDecay(at=(0.2, 0.4))


def test_what_was_wrong_may_be_mended_elsewhere(form: Form) -> None:
    type_in(form, "batch", "200")
    type_in(form, "samples", "256")
    assert (form.experiment.samples, form.experiment.batch) == (256, 200)


def test_a_closed_section_says_that_something_in_it_is_wrong(form: Form) -> None:
    type_in(form, "reduction", "sharded")
    type_in(form, "optimizer", "muon")
    with pytest.raises(ValueError, match="sharded"):
        _ = form.experiment
    said = [button.description for button in form.panel.sections.buttons.values()]
    assert [one for one in said if "\N{BALLOT X}" in one] == ["Ranks \N{BALLOT X}"]
    type_in(form, "reduction", "together")
    assert form.experiment == FIRST.with_optimizer("muon")


def test_a_text_is_never_executed(form: Form, tmp_path: object) -> None:
    file = tmp_path / "made"
    attack = f"__import__('pathlib').Path({str(file)!r}).touch()"
    for name, control in list(form.panel._present.items()):
        if isinstance(control.widget, widgets.Text):
            type_in(form, name, attack)
            form.undo()
    with pytest.raises(ValueError):
        form.paste(attack)
    assert not file.exists() and form.experiment == FIRST


@pytest.mark.parametrize("text", ["", "Experiment(", "Poisson(32)", f"{FIRST}".replace("batch=8", "batch=0"),
                                  str(pk.Experiment(pk.PDE(32, weak=WEAK)))])  # fmt: skip
def test_a_bad_paste_leaves_everything(form: Form, text: str) -> None:
    with pytest.raises(ValueError):
        form.paste(text)
    assert form.experiment == FIRST and form.seen == [] and not form.can_undo


def test_the_same_number_in_other_words_is_no_change(form: Form) -> None:
    type_in(form, "rate", "3e-3")
    assert form.seen == [] and not form.can_undo and form.panel["rate"].widget.value == "3e-3"


def test_what_is_left_empty_is_filled_with_its_own(form: Form) -> None:
    type_in(form, "rate", "0.5")
    type_in(form, "rate", "")
    assert form.experiment.rate == FIRST.rate and form.panel["rate"].widget.value == "0.003"


def test_a_wrong_value_does_not_stop_another_optimizer(form: Form) -> None:
    type_in(form, "steps", "50")
    type_in(form, "seed", "many")
    type_in(form, "optimizer", "adam")
    assert form.panel["seed"].widget.value == "many" and form.panel["steps"].widget.value == "50"
    type_in(form, "seed", "1")
    assert form.experiment == replace(FIRST, optimizer="adam", steps=50, seed=1)
    type_in(form, "optimizer", "lbfgs")
    before = form.experiment
    type_in(form, "seed", "many")
    type_in(form, "optimizer", "sgd")
    type_in(form, "seed", "1")
    assert form.experiment == before.with_optimizer("sgd")


def test_show_is_one_change(form: Form) -> None:
    other = FIRST.with_optimizer("lbfgs")
    form.show(other, ranks=3, threads=2)
    assert form.seen == ["show"] and (form.experiment, form.ranks, form.threads) == (other, 3, 2)
    assert form.undo() and (form.experiment, form.ranks, form.threads) == (FIRST, 2, 1)


def test_while_it_trains_only_the_rate_and_the_slow_rank_are_open(form: Form) -> None:
    form.enable(running=True)
    form.set("generator", "FNO")  # controls that appear meanwhile are closed as well
    open_ = {name for name, control in form.panel._present.items() if not control.widget.disabled}
    assert open_ == {"rate", "slow"}
    form.enable(running=False)
    assert not any(control.widget.disabled for control in form.panel._present.values())


def test_every_control_explains_itself(form: Form) -> None:
    for name, control in form.panel._present.items():
        line = control.widget.tooltip
        assert len(line) > 10 and line.split("'")[0] in control.widget.description, name
        assert isinstance(control.widget, widgets.Checkbox) or control.widget.description_allow_html


def test_two_forms_know_nothing_of_each_other(form: Form) -> None:
    other = form_of()
    type_in(form, "rate", "0.1")
    assert other.experiment == FIRST and not other.can_undo


def test_one_section_is_open_at_a_time(form: Form) -> None:
    sections = form.panel.sections
    sections.open("Problem")
    sections.buttons["Ranks"].value = True
    shown = [title for title, box in sections.boxes.items() if box.layout.display != "none"]
    assert shown == ["Ranks"] and [t for t, b in sections.buttons.items() if b.value] == ["Ranks"]


def test_a_pde_of_ones_own_keeps_its_code(form: Form) -> None:
    own = pk.Experiment(pk.PDE(32, weak=WEAK))
    form.show(own)
    assert "problem.weak" not in form.panel._present
    type_in(form, "problem.c", "Constant(1.0, 2.0)")
    assert form.experiment.problem == pk.PDE(32, weak=WEAK, c=pk.Constant(1.0, 2.0))


def test_undo_goes_back_to_another_pde_of_ones_own(form: Form) -> None:
    first, second = (
        pk.Experiment(pk.PDE(32, **{kind: code})) for kind, code in (("weak", WEAK), ("energy", ENERGY))
    )
    form.show(first)
    form.show(second)
    form.undo()
    type_in(form, "problem.seed", "4")
    assert form.experiment.problem == pk.PDE(32, weak=WEAK, seed=4)


@dataclass(frozen=True)
class Slanted(pk.Poisson):
    """A problem of the user's own class."""

    slope: float = 1.0


def test_a_problem_of_ones_own_class_has_its_settings(form: Form) -> None:
    form.show(pk.Experiment(Slanted(32)))
    type_in(form, "problem.slope", "2")
    assert form.experiment.problem == Slanted(32, slope=2) and type(form.experiment.problem) is Slanted
    type_in(form, "problem", "Heat")
    type_in(form, "problem", "Slanted")
    assert form.experiment.problem == Slanted(32, slope=2)


def resolutions(form: Form) -> dict[int, str]:
    return {
        n: said.replace("\N{NO-BREAK SPACE}", " ")
        for said, n in form.panel["problem.resolution"].widget.options
    }


def test_grids_are_those_that_the_problem_has(form: Form) -> None:
    assert list(resolutions(form)) == list(sizes.SQUARES)
    type_in(form, "problem.order", "2")
    assert list(resolutions(form)) == [32, *(n + 1 for n in sizes.SQUARES)]
    type_in(form, "problem.resolution", 65)
    assert form.experiment.problem == pk.Poisson(65, order=2)
    form.show(pk.Experiment(pk.Poisson(20, dim=3), pk.UNet(depth=2)))
    assert list(resolutions(form)) == sorted({20, *sizes.CUBES}) and resolutions(form)[20] == "20 × 20 × 20"


def test_memory_is_asked_for_lazily_and_the_loop_stays_free() -> None:
    asked, slowest = [], 0.0

    async def room(experiment: pk.Experiment, ranks: int) -> str:
        asked.append((experiment.problem.resolution, experiment.generator.width, ranks))
        time.sleep(0.02)
        return "" if experiment.problem.resolution < 768 else "needs 31 GB, 20 there"

    async def play() -> None:
        nonlocal slowest
        form = form_of(room=room)
        assert asked == []
        form.set("generator.width", 8)  # before it was asked: the first round is dropped
        before = time.perf_counter()
        while len(asked) < len(sizes.SQUARES):
            await asyncio.sleep(0.001)
            slowest = max(slowest, (now := time.perf_counter()) - before)
            before = now
        await asyncio.sleep(0.1)
        assert [n for n, _, _ in asked] == list(sizes.SQUARES) and {one[1:] for one in asked} == {(8, 2)}
        assert (
            resolutions(form)[1024] == "1024 × 1024 (needs 31 GB)" and resolutions(form)[512] == "512 × 512"
        )
        type_in(form, "rate", "0.01")  # which needs no memory
        await asyncio.sleep(0.3)
        assert len(asked) == len(sizes.SQUARES) and "(needs" in resolutions(form)[1024]
        type_in(form, "problem.resolution", 1024)
        await asyncio.sleep(0.1)
        assert form.experiment.problem.resolution == 1024

    asyncio.run(play())
    assert slowest < 0.02 * len(sizes.SQUARES)  # never the whole round at once
