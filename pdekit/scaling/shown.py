"""A measurement as a table to read: how steps scale, what messages take, and what to doubt."""

from dataclasses import dataclass

import numpy as np

from pdekit.scaling.comparison import in_seconds
from pdekit.scaling.laws import karp_flatt
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.piece import Piece, by_piece, in_bytes
from pdekit.scaling.series import KINDS, Series, every

HEAD = "ranks  batch   a step (range over rounds)    speed-up  efficiency  communication  waiting  memory  serial"


@dataclass(frozen=True)
class Row:
    """A world size: seconds of a step (median, least and most of the rounds), and medians over rounds and ranks.

    `speedup` is the median over the rounds of `Series.speedup`, as in `plot_speedup`; `communication` and `waiting` are
    shares of a step, `memory` in bytes of the rank that needs most. `serial` is Karp and Flatt's serial fraction, of
    strong scaling; NaN where one rank was not measured.
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


def rows(series: Series) -> list[Row]:
    """Of steps that differ in their world size, the rows by ranks."""
    found: list[Row] = []
    scaled = zip(series.trials, series.rounds.T, series.speedup.T, strict=True)
    for some, seconds, speedups in scaled:
        ranks = some[0].ranks
        speedup = float(np.nanmedian(speedups))
        talked = np.median([np.mean(t.communication) / t.seconds for t in some])
        waited = np.median([np.mean(t.waiting) / t.seconds for t in some])
        memory = max(max(t.memory) for t in some)
        spread = (float(np.nanmedian(seconds)), float(np.nanmin(seconds)), float(np.nanmax(seconds)))
        known = series.kind == "strong" and series.ranks[0] == 1
        serial = float(karp_flatt(speedup, ranks)) if known else np.nan
        found.append(
            Row(
                ranks, some[0].global_batch, *spread, speedup, speedup / ranks, talked, waited, memory, serial
            )
        )
    return found


def title(series: Series) -> str:
    """Of the table of `series`: what scales, and the yardstick where that is not one rank."""
    threads = f", {series.threads} threads" if series.threads > 1 else ""
    batch = f"batch {series.batch}" + (" on each rank" if series.kind == "weak" else "")
    first = int(series.ranks[0])
    yardstick = "" if first == 1 else f"; {first} ranks taken to be perfect"
    return f"{series.kind} scaling: {series.optimizer}, grid {series.resolution}{threads}, {batch}{yardstick}"


def report(measurement: Measurement) -> str:
    """Steps by ranks, the messages of a few sizes, and the warnings, as text."""
    lines: list[str] = []
    for kind in KINDS:
        for one in every(measurement, kind):
            if len(one.trials) > 1:
                lines += [title(one), HEAD, *map(str, rows(one)), ""]
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
