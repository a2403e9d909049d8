"""A measurement as a table to read: how steps scale, what messages take, and what to doubt."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pdekit.scaling.comparison import in_seconds
from pdekit.scaling.laws import karp_flatt
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.piece import Piece, by_piece, in_bytes

HEAD = "ranks  batch   a step (range over rounds)    speed-up  efficiency  communication  waiting  memory  serial"


@dataclass(frozen=True)
class Row:
    """A world size: seconds of a step (median, least and most of the rounds), and medians over rounds and ranks.

    `speedup` is that of one rank's time for the same work, `communication` and `waiting` are shares of a step, `memory`
    in bytes of the rank that needs most. `serial` is Karp and Flatt's serial fraction, of strong scaling. NaN where one
    rank was not measured.
    """

    ranks: int
    batch: int
    seconds: float
    least: float
    most: float
    speedup: float
    efficiency: float
    communication: float
    waiting: float
    memory: int
    serial: float

    def __str__(self) -> str:
        times = f"{in_seconds(self.seconds):>9} ({in_seconds(self.least)} to {in_seconds(self.most)})"
        serial = f"{self.serial:.2f}" if np.isfinite(self.serial) else ""
        line = (
            f"{self.ranks:>5}  {self.batch:>5}   {times:<28} {self.speedup:8.2f}  {self.efficiency:>10.0%}  "
            f"{self.communication:>13.1%}  {self.waiting:>7.1%}  {self.memory / 1e6:>4.0f} MB  {serial:>6}"
        )
        return line.rstrip()


def rows(steps: Measurement, kind: str) -> list[Row]:
    """Of steps that differ in their world size, and for "weak" scaling in their batch, the rows by ranks."""
    found: list[Row] = []
    one = np.nan
    for (ranks,), trials in steps.groups("ranks").items():
        seconds = trials.column("seconds")
        middle = float(np.median(seconds))
        one = middle if ranks == 1 else one
        batch = trials.trials[0].global_batch
        work = ranks if kind == "weak" else 1  # times that of one rank
        speedup = work * one / middle
        talked = np.median([np.mean(t.communication) / t.seconds for t in trials.trials])
        waited = np.median([np.mean(t.waiting) / t.seconds for t in trials.trials])
        memory = max(max(t.memory) for t in trials.trials)
        spread = (middle, float(seconds.min()), float(seconds.max()))
        serial = float(karp_flatt(speedup, ranks)) if kind == "strong" and speedup > 0 else np.nan
        found.append(Row(ranks, batch, *spread, speedup, speedup / ranks, talked, waited, memory, serial))
    return found


def series(measurement: Measurement) -> Iterator[tuple[str, str, Measurement]]:
    """What scales: "strong" or "weak", in words of what, and the trials; of two world sizes or more."""
    steps = measurement.of("step")
    for (optimizer, resolution, threads), same in steps.groups("optimizer", "resolution", "threads").items():
        words = f"{optimizer}, grid {resolution}" + (f", {threads} threads" if threads > 1 else "")
        for (batch,), trials in same.groups("global_batch").items():
            if len(trials.groups("ranks")) > 1:
                yield "strong", f"{words}, batch {batch}", trials
        shares = dict.fromkeys(t.global_batch / t.ranks for t in same.trials)
        for share in sorted(shares):
            trials = Measurement([t for t in same.trials if t.global_batch == share * t.ranks], same.machine)
            if len(trials.groups("ranks")) > 1:
                yield "weak", f"{words}, batch {share:.4g} on each rank", trials


def report(measurement: Measurement) -> str:
    """Steps by ranks, the messages of a few sizes, and the warnings, as text."""
    lines: list[str] = []
    for kind, words, trials in series(measurement):
        lines += [f"{kind} scaling: {words}", HEAD, *map(str, rows(trials, kind)), ""]
    if not lines:  # one world size of each: times, and nothing to compare them with
        medians = {piece: float(np.median(of)) for piece, (_, of) in by_piece(measurement.of("step")).items()}
        lines += [f"{piece}: {in_seconds(seconds)} a step" for piece, seconds in medians.items()]
    lines += messages(measurement)
    warnings = [f"  {words}" for words in measurement.warnings]
    lines += ["What not to trust:", *warnings] if warnings else []
    return "\n".join(lines) if lines else "nothing was measured"


def messages(measurement: Measurement) -> list[str]:
    """A line for each world size and kind: the medians of a few sizes."""
    lines = []
    for kind in ("ping-pong", "allreduce"):
        for (ranks, nodes), trials in measurement.of(kind).groups("ranks", "nodes").items():
            sizes = trials.groups("bytes")
            few = list(sizes)[:: max(1, len(sizes) // 5)]
            said = [
                f"{in_bytes(size[0])} {in_seconds(float(np.median(sizes[size].column('seconds'))))}"
                for size in few
            ]
            where = Piece(kind, ranks, nodes=nodes).where
            lines.append(f"{kind}, {where}: {', '.join(said)}")
    return [*lines, ""] if lines else []
