"""Runs side by side: what each took, and what it took to reach a loss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from pdekit import checks
from pdekit.averages import trailing_mean
from pdekit.train.history import History

Value = str | int | float | None


@dataclass(frozen=True)
class Comparison:
    """One row for each run, by the names of its columns; None where there is no such number. Prints as a table.

    `pandas.DataFrame(comparison.rows)` has the same rows.
    """

    rows: tuple[dict[str, Value], ...]

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return iter(self.rows)

    def __getitem__(self, run: str) -> dict[str, Value]:
        """The row of `run`; KeyError if there is none."""
        return {str(row["run"]): row for row in self.rows}[run]

    def __repr__(self) -> str:
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = [
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            for row in cells
        ]
        return "\n".join("  ".join(row) for row in rows)

    def _repr_html_(self) -> str:
        head, *rows = [[escape(cell) for cell in row] for row in self._cells()]
        lines = [f"<tr><th>{'</th><th>'.join(head)}</th></tr>"]
        lines += [f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows]
        return f"<table>{''.join(lines)}</table>"

    def _cells(self) -> list[list[str]]:
        return [list(self.rows[0]), *([text(value) for value in row.values()] for row in self.rows)]


def compare(
    histories: Mapping[str, History | str | Path],
    at: float | Sequence[float] = (),
    window: int = 1,
) -> Comparison:
    """What each of `histories` (or files of them) took, and what it took to reach each loss in `at`.

    steps, seconds of training, samples evaluated, messages of a rank, bytes sent by all ranks together; loss: the mean
    of the last `window`, as in `plot_loss` (an epoch evens out batches); communication: its share of all ranks'
    seconds, in [0, 1]. "steps to 0.1", "seconds to 0.1", "messages to 0.1", "bytes to 0.1": when that mean was first
    0.1 or below, on the run's last grid, since the loss on another grid is another number. Losses are comparable only
    between runs of one problem, grid and objective; where ranks have not been gathered, bytes and communication are
    this rank's alone.

    Raises ValueError for no run, one without steps, a window below 1, or `at` that is not finite.
    """
    checks.whole("window", window)
    losses = [checks.number("at", loss) for loss in np.ravel(at).tolist()]
    if not histories:
        raise checks.refuse("histories", "one run at least", "none", 'give {"adam": history}, for instance')
    return Comparison(tuple(row_of(name, history, losses, window) for name, history in histories.items()))


def row_of(
    name: str, history: History | str | Path, losses: Sequence[float], window: int
) -> dict[str, Value]:
    """The row of one run."""
    if not isinstance(history, History):
        history = History.load(history)
    if not len(history):
        raise checks.refuse(f"history {name}", "at least one step", 0, "train first")
    ranks = history.ranks
    sent = np.cumsum(np.nansum(ranks.sent, axis=1))
    talked, computed = np.nansum(ranks.communication), np.nansum(ranks.compute)
    mean = trailing_mean(history.loss, history.resolution, window)
    row: dict[str, Value] = {
        "run": name,
        "grid": int(history.resolution[-1]),
        "ranks": ranks.table.shape[1],
        "steps": len(history),
        "seconds": float(history.seconds[-1]),
        "samples": int(history.samples.sum()),
        "messages": int(history.messages.sum()),
        "bytes": int(sent[-1]),
        "loss": float(mean[-1]),
        "communication": float(talked / (talked + computed)) if talked + computed else None,
    }
    for loss in losses:
        reached = np.flatnonzero((mean <= loss) & (history.resolution == history.resolution[-1]))
        first = int(reached[0]) if len(reached) else None
        row[f"steps to {loss:g}"] = None if first is None else int(history.number[first])
        row[f"seconds to {loss:g}"] = None if first is None else float(history.seconds[first])
        row[f"messages to {loss:g}"] = None if first is None else int(history.messages[: first + 1].sum())
        row[f"bytes to {loss:g}"] = None if first is None else int(sent[first])
    return row


def text(value: Value) -> str:
    """A cell: "-" where there is nothing."""
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else value if isinstance(value, str) else f"{value:.4g}"
