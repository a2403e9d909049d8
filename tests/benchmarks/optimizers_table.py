"""What the runs of `optimizers` say: finals, and what each method takes to the finals of others.

Between two marks of a run, epoch, seconds and messages at a loss (or an error) are interpolated in logarithms.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.benchmarks.optimizers import Row

Runs = dict[tuple[str, int], list[list["Row"]]]
"""Of each method and batch the runs with the rate that was found, one a seed."""


def runs_of(rows: Iterable["Row"], problem: str) -> Runs:
    """Those of `problem`."""
    rows = [row for row in rows if row.problem == problem]
    longest = max(row.budget for row in rows)
    found = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.budget == longest:
            found[row.method, row.batch][row.seed].append(row)
    return {key: list(of.values()) for key, of in found.items()}


def reached(run: Sequence["Row"], what: str, level: float, by: str) -> float:
    """The value of `by` where `what` is first at `level` or below; inf if it never is."""
    before = None
    for row in run:
        value = getattr(row, what)
        if value <= level:
            if before is None:
                return float(getattr(row, by))
            a, b = math.log(getattr(before, what)), math.log(max(value, 1e-300))
            share = (a - math.log(level)) / (a - b) if a > b else 1.0
            return float(
                np.exp(np.interp(share, (0, 1), np.log([getattr(before, by) or 1, getattr(row, by) or 1])))
            )
        before = row
    return math.inf


def spread(values: Sequence[float]) -> str:
    """Median, least and most of finite ones; how many are, if not all."""
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) * 2 <= len(values):
        return "-"
    some = "" if len(finite) == len(values) else f" {len(finite)}/{len(values)}"
    return f"{median(values):.3g} ({min(finite):.3g}..{max(finite):.3g}){some}"


def show(rows: Sequence["Row"]) -> None:
    """Print one table for each problem."""
    for problem in dict.fromkeys(row.problem for row in rows):
        runs = runs_of(rows, problem)

        def final(method: str, what: str, runs: Runs = runs) -> float:
            """The median of the best batch."""
            ends = [
                median(getattr(run[-1], what) for run in of) for key, of in runs.items() if key[0] == method
            ]
            return min(ends, default=math.nan)

        print(f"\n{problem}: medians (least..most) over seeds")
        print(f"{'method':10} {'batch':>5} {'rate':>7} {'loss':>28} {'error':>28} {'seconds':>8}")
        for (method, batch), of in runs.items():
            ends = [spread([getattr(run[-1], what) for run in of]) for what in ("loss", "error")]
            seconds = median(run[-1].seconds for run in of)
            print(f"{method:10} {batch:5} {of[0][0].rate:7.3g} {ends[0]:>28} {ends[1]:>28} {seconds:8.1f}")
        for method in ("sgd", "adam"):
            for what in ("loss", "error"):
                level = final(method, what)
                print(f"\nto {method}'s best {what}, {level:.4g}: seconds, epochs, messages")
                for (other, batch), of in runs.items():
                    cells = [
                        spread([reached(run, what, level, by) for run in of])
                        for by in ("seconds", "epoch", "messages")
                    ]
                    print(f"{other:10} {batch:5} " + " ".join(f"{cell:>28}" for cell in cells))


__all__ = ["reached", "runs_of", "show"]
