"""What the runs of `optimizers` say: finals, and what each method takes to the finals of others."""

from collections.abc import Mapping

import numpy as np

from pdekit.scaling.goal.measured import finals, reached, runs


def spread(values: np.ndarray) -> str:
    """Median, least and most of finite ones; "-" if half of them or more are not."""
    finite = values[np.isfinite(values)]
    if 2 * len(finite) <= len(values):
        return "-"
    some = "" if len(finite) == len(values) else f" {len(finite)}/{len(values)}"
    return f"{np.median(values):.3g} ({finite.min():.3g}..{finite.max():.3g}){some}"


def show(table: Mapping[str, np.ndarray]) -> None:
    """Print, for each problem, one table of finals and one for each level that is to be reached."""
    for problem in dict.fromkeys(table["problem"]):
        of_all = runs(table, problem)
        ends = {what: finals(table, problem, what) for what in ("loss", "error")}
        print(f"\n{problem}: medians (least..most) over seeds")
        print(f"{'method':10} {'batch':>5} {'rate':>7} {'loss':>28} {'error':>28} {'seconds':>8}")
        for (method, batch), some in of_all.items():
            last = [spread(ends[what][method, batch]) for what in ends]
            seconds = np.median([run["seconds"][-1] for run in some])
            print(
                f"{method:10} {batch:5} {some[0]['rate'][0]:7.3g} {last[0]:>28} {last[1]:>28} {seconds:8.1f}"
            )
        for goal in ("sgd", "adam"):
            for what, of_method in ends.items():
                its = [np.median(values) for (method, _), values in of_method.items() if method == goal]
                if not its or not np.isfinite(min(its)):
                    continue
                print(f"\nto {goal}'s best {what}, {min(its):.4g}: seconds, epochs, messages")
                for (method, batch), some in of_all.items():
                    found = np.array([reached(run, min(its), what) for run in some]).T
                    print(f"{method:10} {batch:5} " + " ".join(f"{spread(row):>28}" for row in found[:3]))
