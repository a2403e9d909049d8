"""Measured runs of many methods, as a table, and what each took to the same loss or held-out error.

A row of the table is a run at a mark: `problem`, `method`, `batch`, `rate`, `seed`, `budget` (the epochs at which the
run ends), and there `epoch`, `seconds`, `messages`, `megabytes`, `loss`, `error`: data/README.md, `optimizers.csv`.
"""

from collections.abc import Mapping

import numpy as np

from pdekit import checks
from pdekit.scaling.goal.cost import Cost

Table = Mapping[str, np.ndarray]
Key = tuple[str, int]
"""Method and batch."""

REACHED = ("seconds", "epoch", "messages", "megabytes")


def runs(table: Table, problem: str) -> dict[Key, list[Table]]:
    """Of each method and batch on `problem` the runs that had all epochs, one a seed.

    ValueError for a problem that is not in the table.
    """
    checks.one_of("problem", problem, tuple(dict.fromkeys(table["problem"].tolist())))
    of = table["problem"] == problem
    of &= table["budget"] == table["budget"][of].max()
    rows = {name: column[of] for name, column in table.items()}
    found: dict[Key, list[Table]] = {}
    for key in dict.fromkeys(zip(rows["method"], rows["batch"], rows["seed"], strict=True)):
        method, batch, seed = key
        mine = (rows["method"] == method) & (rows["batch"] == batch) & (rows["seed"] == seed)
        run = {name: column[mine] for name, column in rows.items()}
        found.setdefault((str(method), int(batch)), []).append(run)
    return found


def finals(table: Table, problem: str, of: str = "loss") -> dict[Key, np.ndarray]:
    """Of each method and batch the last `of` ("loss" or "error") of each seed: (seeds,)."""
    checks.one_of("of", of, ("loss", "error"))
    return {key: np.array([run[of][-1] for run in some]) for key, some in runs(table, problem).items()}


def costs(table: Table, problem: str, level: float, of: str = "loss") -> dict[Key, Cost]:
    """What each method and batch takes until its loss (or "error") is `level` or less: medians over the seeds.

    Infinite where half of the seeds, or more, never get there. Between two marks of a run, everything is
    interpolated in logarithms. ValueError for a level that is not above 0.
    """
    checks.positive("level", level), checks.one_of("of", of, ("loss", "error"))
    found = {}
    for key, some in runs(table, problem).items():
        seconds, epochs, messages, megabytes = np.median([reached(run, level, of) for run in some], axis=0)
        found[key] = Cost(seconds, epochs, messages, 1e6 * megabytes, key[1])
    return found


def reached(run: Table, level: float, of: str) -> np.ndarray:
    """The columns `REACHED` of one run where `of` is first at `level` or below: (4,); inf if it never is."""
    values = np.stack([run[name] for name in REACHED])
    there = np.flatnonzero(run[of] <= level)
    if not len(there):
        return np.full(len(REACHED), np.inf)
    k = there[0]
    if k == 0:
        return values[:, 0]
    above, below = run[of][k - 1], max(run[of][k], np.finfo(float).tiny)
    share = np.log(above / level) / np.log(above / below)
    return values[:, k - 1] * (values[:, k] / values[:, k - 1]) ** share
