"""Measurements of machines that are known: times by formulas written here, and noise that is not all on one side."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil, log, log2, sqrt

import numpy as np

from pdekit.scaling import Measurement, Trial

SIZES = [8 * 4**k for k in range(11)]  # 8 bytes to 8 MiB
GRADIENT = 4_900_000

Law = Callable[[float, int], float]
"""Seconds of an allreduce of so many bytes on so many ranks."""


def rabenseifner(alpha: float, beta: float, switch: float = 2048) -> Law:
    """Recursive doubling below `switch` bytes; on powers of two."""

    def seconds(n: float, p: int, alpha: float = alpha) -> float:
        if n < switch:
            return log2(p) * (alpha + n * beta)
        return 2 * log2(p) * alpha + 2 * (p - 1) / p * n * beta

    return seconds


def ring(alpha: float, beta: float) -> Law:
    return lambda n, p: 2 * (p - 1) * alpha + 2 * (p - 1) / p * n * beta


def shared_memory(alpha: float, beta: float, cache: float = 1e6, beyond: float = 3.0) -> Law:
    """A ring whose bytes beyond a cache take longer, and whose long messages are asked for before they are sent."""

    def seconds(n: float, p: int) -> float:
        round_trip = alpha * (3 if n > 3e4 else 1)
        return 2 * (p - 1) * round_trip + 2 * (p - 1) / p * beta * (n + (beyond - 1) * max(0.0, n - cache))

    return seconds


def noisy(rng: np.random.Generator, seconds: float, noise: float) -> float:
    """Most rounds scatter a little, one in twenty is disturbed."""
    return float(seconds * np.exp(noise * rng.standard_normal()) * (1 + 4 * noise * (rng.random() < 0.05)))


def allreduces(
    law: Law,
    ranks: Iterable[int],
    seed: int = 0,
    sizes: Sequence[int] = SIZES,
    rounds: int = 5,
    noise: float = 0.05,
) -> Measurement:
    rng = np.random.default_rng(seed)
    return Measurement(
        Trial("allreduce", p, noisy(rng, law(n, p), noise), r, bytes=n)
        for r in range(rounds)
        for p in ranks
        for n in sizes
    )


class Training:
    """Steps of a known model: fixed + per sample, a memory bus, 36 small messages, a gradient, and late ranks."""

    fixed, bus, jitter = 4e-3, 0.05, 0.02
    small, small_bytes = 36, 600

    def __init__(self, law: Law, cores: int = 16) -> None:
        self.law, self.cores = law, cores
        self.per_sample = {32: 3e-3, 64: 12e-3, 128: 48e-3}

    def compute(self, p: int, batch: int, resolution: int) -> float:
        busy = min(p, self.cores)
        alone = self.fixed + self.per_sample[resolution] * ceil(batch / p)
        return alone * (1 + self.bus * (busy - 1)) * max(1, p / self.cores)

    def messages(self, p: int) -> float:
        return 0.0 if p == 1 else self.small * self.law(self.small_bytes, p) + self.law(GRADIENT, p)

    def seconds(self, p: int, batch: int, resolution: int) -> float:
        busy = self.compute(p, batch, resolution)
        return busy * (1 + self.jitter * sqrt(2 * log(p))) + self.messages(p)

    def steps(
        self, kinds: Iterable[tuple[int, int, int]], seed: int = 0, rounds: int = 3, noise: float = 0.03
    ) -> Measurement:
        """Trials of (ranks, batch, resolution)."""
        rng = np.random.default_rng(seed)
        trials = []
        for r in range(rounds):
            for p, batch, resolution in kinds:
                factor = noisy(rng, 1.0, noise)
                busy, seconds = self.compute(p, batch, resolution), self.seconds(p, batch, resolution)
                trial = Trial(
                    "step",
                    p,
                    factor * seconds,
                    r,
                    messages=(p > 1) * (self.small + 1),
                    bytes=(p > 1) * (self.small * self.small_bytes + GRADIENT),
                    gradient=(p > 1) * GRADIENT,
                    resolution=resolution,
                    global_batch=batch,
                    optimizer="adamw",
                    compute=(factor * busy,) * p,
                    communication=(factor * (seconds - busy),) * p,
                )
                trials.append(trial)
        return Measurement(trials)


def both_ways(ranks: Sequence[int], resolutions: Sequence[int], batch: int = 16, each: int = 4) -> list:
    """Strong scaling of `batch`, and weak scaling of `each` samples per rank."""
    kinds = {(p, b, n): None for n in resolutions for p in ranks for b in (batch, each * p)}
    return list(kinds)
