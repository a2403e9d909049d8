"""What was measured of messages and steps on some ranks, and the file that keeps it while measuring goes on."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pdekit import checks
from pdekit.beside import beside
from pdekit.tabled import find

FORMAT = "pdekit scaling"
VERSION = 1
KINDS = ("ping-pong", "allreduce", "step")


@dataclass(frozen=True)
class Trial:
    """One piece of work in one round over all of them; `seconds` is the median of a few, of the slowest rank.

    A "ping-pong" is half a round trip of `bytes` between two ranks, an "allreduce" that of `bytes` on all `ranks`, a
    "step" one of training: `messages` calls of MPI in which a rank hands over `bytes` bytes in all, `gradient` of them
    in the one after backward. `compute`, `communication` (seconds of a step, waiting included) and `memory` (peak
    bytes) have a number for each rank. `global_batch` samples on grids of `resolution` nodes a side. The ranks are on
    `nodes` machines and compute with `threads` each.
    """

    kind: str
    ranks: int
    seconds: float
    round: int = 0
    threads: int = 1
    nodes: int = 1
    bytes: int = 0
    messages: int = 0
    gradient: int = 0
    resolution: int = 0
    global_batch: int = 0
    optimizer: str = ""
    experiment: str = ""
    compute: tuple[float, ...] = ()
    communication: tuple[float, ...] = ()
    memory: tuple[int, ...] = ()

    @property
    def waiting(self) -> tuple[float, ...]:
        """Seconds of a step in messages beyond those of the rank with the least: the time that others were late."""
        return tuple(one - min(self.communication) for one in self.communication)


class Measurement:
    """Trials, and the machine on which they were made; `machine["warnings"]` says what not to trust, in words."""

    def __init__(self, trials: Iterable[Trial] = (), machine: Mapping[str, Any] | None = None) -> None:
        self.trials, self.machine = list(trials), dict(machine or {})

    @property
    def warnings(self) -> list[str]:
        """Why some of the figures cannot be trusted; empty if nothing was found."""
        return list(self.machine.get("warnings", []))

    def of(self, kind: str, **where: object) -> "Measurement":
        """The trials of that kind, and with those values of their fields. ValueError for another kind."""
        checks.one_of("kind", kind, KINDS)
        kept = [
            t for t in self.trials if t.kind == kind and all(getattr(t, k) == v for k, v in where.items())
        ]
        return Measurement(kept, self.machine)

    def column(self, name: str) -> np.ndarray:
        """That field of all trials: (trials,)."""
        return np.array([getattr(trial, name) for trial in self.trials])

    def groups(self, *names: str) -> "dict[tuple[Any, ...], Measurement]":
        """The trials by the values of these fields, in their order: different rounds of one piece of work."""
        found: dict[tuple[Any, ...], list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(tuple(getattr(trial, name) for name in names), []).append(trial)
        return {key: Measurement(found[key], self.machine) for key in sorted(found)}

    def __len__(self) -> int:
        return len(self.trials)

    def save(self, path: str | Path) -> None:
        """Write all of it to `path`, whole or not at all."""
        with beside(Path(path)) as other:
            other.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The lines of its file."""
        lines = [{FORMAT: VERSION, "machine": self.machine}, *map(_short, self.trials)]
        return "".join(json.dumps(line) + "\n" for line in lines)

    @classmethod
    def load(cls, path: str | Path) -> "Measurement":
        """What was measured into `path`, without a last line that was cut off.

        ValueError for a file that is not there, another's, or of a newer pdekit.
        """
        name = Path(path).name
        if not Path(path).is_file():
            raise checks.refuse(
                "path", "a file that `pdekit scale` wrote", str(path), "give one that is there"
            )
        return cls.parse(Path(path).read_text(encoding="utf-8"), name)

    @classmethod
    def named(cls, name: str) -> "Measurement":
        """One that comes with pdekit, such as "scaling-example": see data/README.md. ValueError if there is none."""
        return cls.load(find("measurement", name, ".jsonl"))

    @classmethod
    def parse(cls, text: str, name: str = "text") -> "Measurement":
        """What `text()` gave, read from the file `name`; ValueError as for `load`."""
        head, *rest = _lines(text, name) or [{}]
        if FORMAT not in head:
            raise checks.refuse(
                "path", f"a file that begins with {FORMAT!r}", name, "give one of `pdekit scale`"
            )
        if head[FORMAT] > VERSION:
            raise checks.refuse(
                "path", f"version {VERSION} at most", head[FORMAT], "read it with a newer pdekit"
            )
        known = {field.name for field in fields(Trial)}
        try:
            trials = [Trial(**{k: _plain(v) for k, v in row.items() if k in known}) for row in rest]
        except TypeError as error:
            raise checks.refuse(
                "path", "trials of messages and steps", name, f"measure again ({error})"
            ) from None
        return cls(trials, head["machine"])


def append(path: Path, trials: Sequence[Trial]) -> int:
    """Add trials to the file, and have them on the disk: how many bytes they are."""
    lines = "".join(json.dumps(_short(trial)) + "\n" for trial in trials).encode()
    with path.open("ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
    return len(lines)


def _short(trial: Trial) -> dict[str, Any]:
    empty = Trial("", 0, 0.0)
    return {name: value for name, value in asdict(trial).items() if value != getattr(empty, name)}


def _lines(text: str, name: str) -> list[dict[str, Any]]:
    """The lines that are whole; a process that is ended while it writes leaves a part of its last."""
    try:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    except json.JSONDecodeError as error:
        expected = f"a file that begins with {FORMAT!r}"
        raise checks.refuse("path", expected, name, f"give one of `pdekit scale` ({error})") from None


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
