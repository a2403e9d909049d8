"""How well the model of a measurement predicts what it was not given: messages and steps that are left out of the fit.

    pdekit scale --out FILE.jsonl
    python -m tests.benchmarks.held_out FILE.jsonl

make bench-held-out ARGS=FILE.jsonl. Left out are, one after the other: every second size of the allreduces (not the
first, not the last), each world size of the allreduces if there are three, each kind of step, and each world size of
the steps if there are three. Ranks that share cores count only where `pk.fit` keeps them. A fit without them predicts.
A row has the median of the relative errors of the medians over the rounds, the largest, and the share of all single
rounds inside the band of 90 %, with its median width.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import pdekit as pk
from pdekit.scaling import Measurement, Trial
from pdekit.scaling.fitted.fit import cores_of
from pdekit.scaling.fitted.sound import on_a_node

Asked = tuple[float, float, float]
"""Seconds, and the band."""
KIND = ("optimizer", "resolution", "threads", "ranks", "global_batch")


def allreduce(model, trial: Trial) -> Asked:
    """What the model says of one."""
    low, high = model.messages.band(trial.bytes, trial.ranks)
    return float(model.messages.allreduce(trial.bytes, trial.ranks)), float(low), float(high)


def step(model, trial: Trial) -> Asked:
    """What the model says of one."""
    found = model.steps.predict(
        trial.ranks, trial.global_batch, trial.resolution, optimizer=trial.optimizer, threads=trial.threads
    )
    return float(found.seconds), float(found.low), float(found.high)


def left_out(found: Measurement) -> Iterator[tuple[str, Callable, Callable[[Trial], bool]]]:
    """Name, what predicts it, and which trials are left out."""
    cores = cores_of(found.machine)
    messages = [t for t in found.of("allreduce").trials if t.ranks > 1 and on_a_node(t) <= (cores or np.inf)]
    sizes = sorted({t.bytes for t in messages})[1:-1:2]
    if len(sizes) > 2:
        yield "sizes of allreduces", allreduce, lambda t: t.kind == "allreduce" and t.bytes in sizes
    worlds = sorted({t.ranks for t in messages})
    for ranks in worlds if len(worlds) > 2 else ():
        name = f"allreduces on {ranks} ranks"
        yield name, allreduce, lambda t, ranks=ranks: t.kind == "allreduce" and t.ranks == ranks
    steps = found.of("step")
    for kind in steps.groups(*KIND):
        yield (
            "kinds of steps",
            step,
            lambda t, kind=kind: t.kind == "step" and tuple(getattr(t, k) for k in KIND) == kind,
        )
    worlds = sorted({t.ranks for t in steps.trials})
    for ranks in worlds if len(worlds) > 2 else ():
        yield f"steps on {ranks} ranks", step, lambda t, ranks=ranks: t.kind == "step" and t.ranks == ranks


def compare(found: Measurement) -> dict[str, list[tuple[float, np.ndarray, float]]]:
    """Of each name, for each kind left out: error of the median, which rounds are inside, and the band's width."""
    rows: dict[str, list[tuple[float, np.ndarray, float]]] = {}
    for name, asked, out in left_out(found):
        rest = Measurement([t for t in found.trials if not out(t)], found.machine)
        gone = Measurement([t for t in found.trials if out(t)], found.machine)
        try:
            model = pk.fit(rest)
            for group in gone.groups("bytes", *KIND).values():
                seconds, (predicted, low, high) = group.column("seconds"), asked(model, group.trials[0])
                error = abs(predicted / float(np.median(seconds)) - 1)
                rows.setdefault(name, []).append((error, (low <= seconds) & (seconds <= high), high / low))
        except ValueError as error:
            print(f"{name}: not without {gone.trials[0].ranks} ranks: {error}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="what `pdekit scale` wrote")
    found = Measurement.load(parser.parse_args().file)
    for warning in found.warnings:
        print(f"warning: {warning}")
    print(
        f"{'left out':24} {'number':>6} {'median error':>13} {'largest':>8} {'in band':>8} {'high / low':>11}"
    )
    for name, rows in compare(found).items():
        errors, inside, widths = zip(*rows, strict=True)
        print(
            f"{name:24} {len(rows):6} {np.median(errors):13.1%} {max(errors):8.1%} "
            f"{np.concatenate(inside).mean():8.0%} {np.median(widths):11.2f}"
        )


if __name__ == "__main__":
    main()
