"""Milliseconds from a slider's event to the new traces, in the kernel: worked out, painted, and handed to the browser.

    python -m tests.benchmarks.what_if [--moves 50]                                             (make bench-what-if)

For each machine of the table; "first" is the first answer after the machine was chosen, which finds the ways of its
messages.
"""

import argparse
import time

import numpy as np

import pdekit as pk
from tests.benchmarks.race import machine
from tests.scaling.synthetic import SIZES, Training, allreduces, both_ways, rabenseifner


def model() -> object:
    """Of a machine with formulas for its times."""
    law = rabenseifner(2e-6, 1e-10)
    steps = Training(law).steps(both_ways((1, 2, 4, 8), (64, 128)))
    return pk.fit(pk.Measurement([*allreduces(law, (2, 4, 8), sizes=SIZES).trials, *steps.trials]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=50)
    moves = parser.parse_args().moves
    print(machine())
    what = pk.WhatIf(model())
    slider = what.sliders["latency"]
    everything = []
    for name in pk.machines():
        start = time.perf_counter()
        what.set(machine=name)
        first = time.perf_counter() - start
        times = []
        for k in range(moves):
            start = time.perf_counter()
            slider.value = 1 + 0.1 * k
            times.append(time.perf_counter() - start)
        everything += times
        print(f"{name:40} first {1e3 * first:6.0f} ms, then {words(times)}")
    print(f"{'all':40} {words(everything)}")


def words(times: list[float]) -> str:
    """Median, most, and how many took longer than 50 ms."""
    late = sum(one > 0.05 for one in times)
    return (
        f"{1e3 * np.median(times):5.1f} ms, at most {1e3 * max(times):5.1f}, {late} of {len(times)} above 50"
    )


if __name__ == "__main__":
    main()
