"""What has been measured of a plan: kept in a file from turn to turn, so that whoever is interrupted goes on there."""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pdekit import checks
from pdekit.beside import check_place
from pdekit.measure import doubts
from pdekit.measure.plan import Plan
from pdekit.scaling.comparison import differences
from pdekit.scaling.measurement import Measurement, Trial, append
from pdekit.scaling.piece import Piece

Say = Callable[[int, int, str], object]
"""Called with turns done, turns in all, and what comes now, in words."""
ANEW = "measure into another file (and compare the two)"


class Record:
    """The turns of `plan` on `machine` that are done, and those to come.

    With a `file`, every trial is on the disk before the next turn begins; one that is there is gone on with. ValueError
    where that is of another plan or machine, or where nothing can be written. OSError (EBUSY) on writing when another
    job has begun to write there too.
    """

    def __init__(self, plan: Plan, machine: Mapping[str, Any], file: Path | None = None) -> None:
        self.plan, self.file = plan, None if file is None else check_place("file", file)
        self.measurement = Measurement([], machine)
        if self.file is not None and self.file.exists():
            self.measurement = _gone_on_with(self.file, plan, machine)
        if self.file is not None:
            self._save()  # begun, or without a last line that was cut off
        self.turns = plan.turns(machine["ranks"])
        self._done = {(trial.round, Piece.of(trial)) for trial in self.measurement.trials}
        self._took: dict[Piece, float] = {}  # seconds of a turn, with all around it

    @property
    def machine(self) -> dict[str, Any]:
        """Of the measurement; may be added to."""
        return self.measurement.machine

    def begin(self, before: Mapping[str, Any]) -> None:
        """Note who else was busy before the first turn, unless it has been."""
        if not self.machine["before"]:
            self.machine["before"] = dict(before)
            self.doubt()

    def todo(self) -> list[int]:
        """Which of the `turns` are to come."""
        return [k for k, (number, piece) in enumerate(self.turns) if (number, piece.key) not in self._done]

    def add(self, trial: Trial, took: float) -> None:
        """Keep what came of a turn that took so long."""
        self.measurement.trials.append(trial)
        self._done.add((trial.round, Piece.of(trial)))
        self._took[Piece.of(trial)] = took
        if self.file is not None:
            self._check_alone()
            # Not the file's size: others may have written meanwhile.
            self._written += append(self.file, [trial])

    def end_round(self, reading: Mapping[str, Any]) -> None:
        """Note who else was busy, and what there is to doubt by now."""
        self.machine["during"].append(dict(reading))
        self.doubt()

    def doubt(self) -> None:
        """Bring the warnings up to date, in the file too."""
        self.machine["warnings"] = doubts.all_of(self.plan, self.measurement)
        if self.file is not None:
            self._check_alone()
            self._save()

    def standing(self, turn: int) -> tuple[int, int, str]:
        """For a `Say`, before that turn."""
        todo, (number, piece) = self.todo(), self.turns[turn]
        left = self._left([self.turns[k][1].key for k in todo])
        return len(self.turns) - len(todo), len(self.turns), f"round {number + 1}, {piece}{left}"

    def _save(self) -> None:
        self.measurement.save(self.file)
        self._written = self.file.stat().st_size  # bytes

    def _check_alone(self) -> None:
        """OSError (EBUSY) if the file has changed: what a second job measures into it must not be written over."""
        if not self.file.exists() or self.file.stat().st_size != self._written:
            words = "another job writes there as well, and goes on with it; measure into another file"
            raise OSError(errno.EBUSY, words, str(self.file))

    def _left(self, pieces: list[Piece]) -> str:
        """The time for them in words, once each has been taken; "" before."""
        if not self._took.keys() >= set(pieces):
            return ""
        seconds = sum(self._took[piece] for piece in pieces)
        return f"; about {seconds:.0f} s left" if seconds < 90 else f"; about {seconds / 60:.0f} min left"


def _gone_on_with(file: Path, plan: Plan, machine: Mapping[str, Any]) -> Measurement:
    """What is in `file`; ValueError where it is of something else."""
    found = Measurement.load(file)
    theirs = found.machine.get("plan", {})
    ours = plan.values()
    if theirs and Plan.read(theirs) != plan:
        name = next(name for name in ours if Plan.read(theirs).values()[name] != ours[name])
        expected = f"the plan of {file.name}, in which it is {theirs.get(name)!r}"
        raise checks.refuse(name, expected, ours[name], f"go on with that, or {ANEW}")
    changed = differences(found.machine, machine)
    if changed:
        what, (then, now) = next(iter(changed.items()))
        raise checks.refuse(
            "machine", f"that of {file.name}, with {what} {then!r}", now, f"go on there, or {ANEW}"
        )
    return found
