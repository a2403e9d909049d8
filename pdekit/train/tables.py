"""A history as a table, and back: its columns, those of every rank, and what is said about them."""

import json
import platform
from dataclasses import fields
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import pdekit
from pdekit import checks
from pdekit.beside import beside, check_place
from pdekit.train.formats import FORMATS, WHOLE, Table
from pdekit.train.ranks import MEASURED, SHOWN

if TYPE_CHECKING:
    from pdekit.train.history import History, Step

FORMAT, NUMBER = "pdekit history", 1
ABOUT = ("experiment", "versions", "rank", "ranks", "steps")


def check(path: Path) -> Path:
    """`path` if a history can be written there. ValueError, or ModuleNotFoundError without what that needs."""
    if path.suffix not in FORMATS:
        raise checks.refuse("history", f"a file {' or '.join(FORMATS)}", str(path), "choose such a suffix")
    FORMATS[path.suffix].check()
    return check_place("history", path)


def write(path: Path, history: "History") -> None:
    """Write `history` to `path`, whole or not at all."""
    check(path)
    with beside(path) as draft:
        FORMATS[path.suffix].write(draft, table_of(history))


def read(path: Path, history: type["History"], step: type["Step"]) -> "History":
    """The `history` of `step`s that is in `path`; ValueError if there is none."""
    if path.suffix not in FORMATS or not path.is_file():
        raise checks.refuse("history", f"a file {' or '.join(FORMATS)}", str(path), "check the path")
    table = FORMATS[path.suffix].read(path)
    check_about(str(path), table.about)
    size, rank = int(table.about["ranks"]), int(table.about["rank"])
    kinds = {f.name: f.type for f in fields(step)}
    column = {name: f"{name}_{rank}" if name in MEASURED else name for name in kinds}  # in the file
    of_ranks = [[f"{name}_{r}" for name in MEASURED] for r in range(size)]
    missing = [name for name in chain(column.values(), *of_ranks) if name not in table.columns]
    if missing:
        got = ", ".join(table.columns) or "none"
        raise checks.refuse(str(path), f"the columns {', '.join(missing)}", got, WHOLE)
    count = len(table.columns["number"])
    if count != int(table.about["steps"]):
        raise checks.refuse(str(path), f"{table.about['steps']} steps", count, WHOLE)
    values = [map(kind, table.columns[column[name]].tolist()) for name, kind in kinds.items()]
    made = history(experiment=table.about["experiment"], rank=rank, size=size)
    ranks = np.array([[table.columns[name] for name in names] for names in of_ranks], dtype=np.float64)
    made.extend([step(*row) for row in zip(*values, strict=True)], ranks.transpose(2, 0, 1))
    made.versions = json.loads(table.about["versions"])
    return made


def check_about(path: str, about: dict[str, str]) -> None:
    """ValueError unless this is what is said about a history of this format."""
    if about.get("format") != FORMAT:
        raise checks.refuse(path, f"a {FORMAT}", about.get("format", "another file"), WHOLE)
    if about.get("number") != str(NUMBER):
        got = about.get("number")
        raise checks.refuse(path, f"format number {NUMBER}", got, "read it with the pdekit that wrote it")
    if missing := [key for key in ABOUT if key not in about]:
        raise checks.refuse(path, f"metadata {', '.join(missing)}", ", ".join(about), WHOLE)


def table_of(history: "History") -> Table:
    """The columns of `history`: those of a step that all ranks share, and those of every rank."""
    from pdekit.train.history import COLUMNS

    ranks = history.ranks
    size = ranks.table.shape[1]
    columns = {name: getattr(history, name) for name in COLUMNS if name not in MEASURED}
    for r in range(size):
        for name in SHOWN:
            values = np.ma.masked_invalid(getattr(ranks, name)[:, r])
            if name == "sent":
                values = np.ma.array(values.filled(0).astype(np.int64), mask=values.mask)
            columns[f"{name}_{r}"] = values
    about = {
        "format": FORMAT,
        "number": str(NUMBER),
        "experiment": " ".join(history.experiment.splitlines()),
        "versions": json.dumps(history.versions or versions()),
        "rank": str(history.rank),
        "ranks": str(size),
        "steps": str(len(history)),
    }
    return Table(columns, about)


def versions() -> dict[str, str]:
    """Of what a run depends on."""
    others = {name: version(name) for name in ("torch", "numpy", "mpi4py")}
    return {"pdekit": pdekit.__version__, **others, "python": platform.python_version()}
