"""What a rank computes in a step: a fixed part and one for each of its samples, on cores that it shares with others.

    seconds = crowd (s + (1 - s) / t) (fixed + per sample(resolution) ceil(B / P))

`fixed` and `per sample` are those of an optimizer on one core. The t threads of a rank gain by Amdahl's law with its
serial share s. `crowd` is 1 + bus (busy cores - 1): the cores of a machine share its memory; where all its ranks have
more threads than it has cores, they take turns, and that is as many times as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from pdekit import checks
from pdekit.scaling.fitted.least_squares import relative

CLOSE = 1e-5  # relative: far below what any time is known to
FAR = 2.0  # times the finest resolution, or below the coarsest one


@dataclass(frozen=True)
class Piece:
    """Steps of the same kind: the median of their seconds of computing, of the rank with most samples, `local`.

    `busy` are the threads of all ranks on one machine.
    """

    ranks: int
    busy: int
    local: int
    resolution: int
    optimizer: str
    threads: int
    seconds: float


@dataclass(frozen=True)
class Compute:
    """The fitted model. `cores` are those of a machine, which `takes_turns` if they are fewer than the busy threads.

    Where they are not known they are the most that were busy, and nothing is said of turns. `locals` are the samples
    per rank that were measured, of each optimizer.
    """

    fixed: Mapping[str, float]
    per_sample: Mapping[tuple[str, int], float]
    bus: float
    serial: float
    cores: int
    takes_turns: bool
    locals: Mapping[str, tuple[int, ...]]
    threads: tuple[int, ...]

    def seconds(
        self,
        local: np.ndarray,
        busy: np.ndarray,
        resolution: int,
        optimizer: str,
        threads: int = 1,
    ) -> np.ndarray:
        """Of a rank with `local` samples (n,), on a machine with so many `busy` threads (n,).

        ValueError for what was not measured: an optimizer, threads, a resolution far from those that were, or another
        number of samples where only one was.
        """
        checks.one_of("optimizer", optimizer, tuple(self.fixed))
        if threads not in self.threads and len(self.threads) == 1:
            raise checks.refuse("threads", f"{self.threads[0]}, as measured", threads, "measure with more")
        known = self.locals[optimizer]
        if len(known) == 1 and not np.isin(local, known).all():
            raise checks.refuse(
                "samples per rank",
                f"{known[0]}, all that was measured with {optimizer!r}",
                np.unique(local).tolist(),
                "measure strong scaling or a second batch, which tells the fixed part",
            )
        each = self.fixed[optimizer] + self._per_sample(optimizer, resolution) * local
        crowd = _crowd(busy, self.cores, self.bus, self.takes_turns)
        return each * (self.serial + (1 - self.serial) / threads) * crowd

    def resolutions(self, optimizer: str) -> list[int]:
        """At which it was measured."""
        return sorted(n for name, n in self.per_sample if name == optimizer)

    def _per_sample(self, optimizer: str, resolution: int) -> float:
        """Interpolated in logarithms: the seconds grow with a power of the resolution."""
        measured = self.resolutions(optimizer)
        if resolution in measured:
            return self.per_sample[optimizer, resolution]
        near = len(measured) > 1 and measured[0] / FAR <= resolution <= measured[-1] * FAR
        if not near:
            raise checks.refuse(
                "resolution",
                f"one near those measured with {optimizer!r}, {', '.join(map(str, measured))}",
                resolution,
                "measure it, or one on each side of it",
            )
        logs = np.log(measured)
        k = int(np.clip(np.searchsorted(measured, resolution), 1, len(measured) - 1))
        values = [np.log(self.per_sample[optimizer, measured[j]]) for j in (k - 1, k)]
        share = (np.log(resolution) - logs[k - 1]) / (logs[k] - logs[k - 1])
        return float(np.exp(values[0] + share * (values[1] - values[0])))


def fit_compute(pieces: list[Piece], cores: int | None) -> Compute:
    """Least squares of relative errors. ValueError for no pieces.

    The memory bus is told from the fixed part only where the same samples per rank were measured on different numbers
    of ranks (weak scaling), the threads where several were: otherwise `bus` and `serial` are 0.
    """
    if not pieces:
        raise checks.refuse("measurement", "steps of training", "none", "measure some with `pdekit scale`")
    column = {name: np.array([getattr(p, name) for p in pieces]) for name in Piece.__dataclass_fields__}
    busy = column["busy"]
    most = int(busy.max()) if cores is None else cores
    optimizers = sorted(set(column["optimizer"].tolist()))
    kinds = sorted(set(zip(column["optimizer"].tolist(), column["resolution"].tolist(), strict=True)))
    known = {o: tuple(np.unique(column["local"][column["optimizer"] == o]).tolist()) for o in optimizers}
    fixed = [(column["optimizer"] == o) * float(len(known[o]) > 1) for o in optimizers]
    each = [column["local"] * ((column["optimizer"] == o) & (column["resolution"] == n)) for o, n in kinds]
    columns, several = np.stack([*fixed, *each], axis=1), (_weak(pieces), len(set(column["threads"])) > 1)

    def factors(x: np.ndarray) -> np.ndarray:
        bus, serial = _spread(x, several)
        crowd = _crowd(busy, most, bus, cores is not None)
        return crowd * (serial + (1 - serial) / column["threads"])

    def errors(x: np.ndarray) -> np.ndarray:
        return relative(columns * factors(x)[:, None], column["seconds"]).errors

    x = np.full(sum(several), 0.1)
    if len(x):
        x = least_squares(errors, x, bounds=(0, [1.0] * len(x)), xtol=CLOSE, ftol=CLOSE).x
    coefficients = relative(columns * factors(x)[:, None], column["seconds"]).coefficients.tolist()
    bus, serial = _spread(x, several)
    return Compute(
        dict(zip(optimizers, coefficients, strict=False)),
        dict(zip(kinds, coefficients[len(optimizers) :], strict=True)),
        bus,
        serial,
        most,
        cores is not None,
        known,
        tuple(sorted(set(column["threads"].tolist()))),
    )


def _crowd(busy: np.ndarray, cores: int, bus: float, turns: bool) -> np.ndarray:
    crowd = 1 + bus * (np.minimum(busy, cores) - 1)
    return crowd * np.maximum(1, busy / cores) if turns else crowd


def _weak(pieces: list[Piece]) -> bool:
    """Whether the same work for each rank was measured beside different numbers of others."""
    found: dict[tuple[str, int, int, int], set[int]] = {}
    for p in pieces:
        found.setdefault((p.optimizer, p.resolution, p.threads, p.local), set()).add(p.busy)
    return any(len(busy) > 1 for busy in found.values())


def _spread(x: np.ndarray, several: tuple[bool, bool]) -> tuple[float, float]:
    values = iter(x.tolist())
    return tuple(next(values) if one else 0.0 for one in several)
