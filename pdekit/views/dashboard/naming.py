"""Runs in a few words, by what they differ in."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

MOST = 3  # words beyond that are left to the history
ALONE = ("problem", "generator", "optimizer", "grids", "head")  # whose values say what they are; said first


class Names:
    """Of the runs that are kept for comparison, by number, and of the present one; `base` is what was opened with."""

    def __init__(self, base: Any) -> None:
        self._base = _told(base)
        self._kept: list[tuple[int, dict[str, str]]] = []

    def keep(self, number: int, run: Any, figure: Any) -> str:
        """Keep the curves of `run` in `figure`: its name."""
        figure.keep(str(number))
        self._kept = [*self._kept, (number, _told(run.experiment, run.solver.ranks))]
        self.show(figure)
        return figure.kept[-1]

    def show(self, figure: Any, present: tuple[Any, int] | None = None) -> None:
        """Name the kept runs of `figure`, and the `present` experiment on so many ranks, if there is one."""
        self._kept = self._kept[len(self._kept) - len(figure.kept) :]  # the figure has room for a few
        told = [one for _, one in self._kept]
        if present is not None:
            told.append(_told(*present))
        words = differing(told, self._base)
        names = [f"{number}: {name}" for (number, _), name in zip(self._kept, words, strict=False)]
        figure.rename(names, words[-1] if present is not None else "")


def differing(runs: Sequence[dict[str, str]], base: dict[str, str]) -> list[str]:
    """Each run by the settings in which they differ; a single one by those that are not the `base`'s, and its ranks.

    Where the kind of a part differs, its own settings follow from that and are left out, unless runs of one kind
    differ in them.
    """
    names = list(dict.fromkeys(name for run in runs for name in run))
    if len(runs) > 1:
        said = [name for name in names if len({run.get(name) for run in runs}) > 1]
    else:
        said = [name for name in names if any(run.get(name) != base.get(name) for run in runs)]
    said = [name for name in said if not any(_follows(name, part, runs) for part in said)]
    said.sort(key=lambda name: name not in ("ranks", *ALONE))  # others keep their order behind them
    words = [[run[name] for name in said if name in run] for run in runs]
    return [", ".join(of[:MOST] + ["…"] * (len(of) > MOST)) or "the same again" for of in words]


def _follows(name: str, part: str, runs: Sequence[dict[str, str]]) -> bool:
    """Whether `name` is a setting of `part` that is the same in all runs with one word for `part`."""
    if not name.startswith(f"{part}."):
        return False
    return len({(run.get(part), run.get(name)) for run in runs}) == len({run.get(part) for run in runs})


def _told(experiment: Any, ranks: int = 0) -> dict[str, str]:
    """Its settings by name, in words, the ranks first."""
    found = {"ranks": f"{ranks} rank{'s' * (ranks > 1)}"} if ranks else {}
    for field in fields(experiment):
        found |= _of(field.name, field.name, getattr(experiment, field.name))
    return found


def _of(path: str, name: str, value: Any) -> dict[str, str]:
    """The words for one setting, and for those of a recipe."""
    recipe = hasattr(value, "__dataclass_fields__")
    word = type(value).__name__ if recipe else f"{value:g}" if isinstance(value, float) else str(value)
    said = word if path in ALONE and word != "plain" else f"{name} {word}"
    if not recipe:
        return {path: said}
    found = {path: said}
    for field in fields(value):
        found |= _of(f"{path}.{field.name}", field.name, getattr(value, field.name))
    return found
