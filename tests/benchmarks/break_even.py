"""What a generator and classical solvers take for one more sample, and what training took before the first one.

    python -m tests.benchmarks.break_even [--squares 64 128 256 512] [--cubes 32] [--out FILE]

Poisson's equation with the default coefficient, one thread, everything in turns, a held-out sample a round, from the
nodal coefficient to the solution, seconds of one sample (make bench-break-even):

    training             the default experiment, float32. Run on the first square alone; on other grids its steps cost
                         what a few of them take there (`estimated` = 1), and the error is that of the first square
    inference            of `batch` samples at once, seconds of one of them
    multigrid            conjugate gradients with Ruge-Stueben multigrid to a relative residual of 1e-8: scikit-fem's
                         `assembly`, `set_up`, and `seconds` of the iterations
    multigrid, stopped   the same, stopped where the error is that of the generator: the fair rival
    factorisation        sparse LU, on squares
    coarser grid         sparse LU on the coarsest grid (4, 8, 16, ... cells a side) whose solution, interpolated, has
                         no larger error than the generator's; the coefficient is sampled there

`error` is in the L2 norm, relative to the solution of the fine grid's system; `generator` is the head, "plain" or
"galerkin", whose error two of the solvers are stopped at. About eight minutes.
"""

import argparse
import csv
import time
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

import pdekit as pk
from tests.benchmarks.classical import EXACT, TIGHT, System, Timed, coarser, stopped
from tests.benchmarks.race import machine

HEADS = ("plain", "galerkin")
BATCHES = (1, 16)
STEPS = 2  # timed on grids where nothing is trained, after one that is not
FINE = 200**2  # nodes from which on three rounds have to do


@dataclass(frozen=True)
class Row:
    """Seconds of one sample, or of a training, in one round."""

    grid: str
    what: str
    classical: int
    generator: str
    batch: int
    round: int
    assembly: float
    set_up: float
    seconds: float
    error: float
    estimated: int = 0


def trained(problem: pk.Poisson, head: str, really: bool, steps: int | None) -> tuple[pk.Solver, Row]:
    """A generator that was trained, or is as it was made, and what its training costs."""
    experiment = pk.Experiment(problem, head=head, steps=steps)
    solver, start = pk.Solver(experiment), time.perf_counter()
    if really:
        solver.run()
    seconds = time.perf_counter() - start if really else priced(experiment)
    error = solver.error(problem.held_out()) if really else np.nan
    cells = ("training", 0, head, experiment.batch, 0, 0.0, 0.0, seconds, error)
    return solver, Row(name(problem), *cells, estimated=int(not really))


def priced(experiment: pk.Experiment) -> float:
    """Seconds of all steps, from a few on each grid."""
    total, before = 0.0, 0
    for resolution, last in experiment.plan:
        setting = {"head": experiment.head, "grids": "single", "samples": 32, "steps": 100}
        solver = pk.Solver(pk.Experiment(experiment.problem.at(resolution), **setting))
        solver.advance(1)
        start = time.perf_counter()
        solver.advance(STEPS)
        total += (last - before) * (time.perf_counter() - start) / STEPS
        before = last
    return total


def inferred(solver: pk.Solver, nu: np.ndarray) -> float:
    """Seconds of one of nu (B, *grid), predicted all at once; of a single one, as `predict` does it."""
    problem, start = solver.experiment.problem, time.perf_counter()
    if len(nu) == 1:
        solver.predict(nu[0])
    else:
        solver.generator.eval()
        with torch.no_grad():
            solver.field(problem, problem.batch(nu, torch.float32)).numpy()
    return (time.perf_counter() - start) / len(nu)


def measure(problem: pk.Poisson, errors: dict[str, float], steps: int | None = None) -> list[Row]:
    """All rows of a grid; the heads are trained, and `errors` filled, if they are empty."""
    found = [trained(problem, head, not errors, steps) for head in HEADS]
    errors |= {row.generator: row.error for _, row in found if not errors or not row.estimated}
    rows = [replace(row, error=errors[row.generator]) for _, row in found]
    rounds = 7 if np.prod(problem.shape) < FINE else 3
    many = problem.coefficient(list(problem.held_out(max(BATCHES))))
    for number, nu in enumerate(many[:rounds]):
        system = System(nu)
        exact = system.multigrid(EXACT).u
        place = Row(name(problem), "", 1, "", 1, number, 0.0, 0.0, 0.0, 0.0)

        def classical(
            what: str, of: Timed, head: str = "", place: Row = place, exact: np.ndarray = exact
        ) -> Row:
            error = problem.error(of.u, exact)
            return replace(place, what=what, generator=head, error=error, **seconds(of))

        rows.append(classical("multigrid", system.multigrid(TIGHT)))
        if problem.dim == 2:
            rows.append(classical("factorisation", system.factorisation()))
        for head, (solver, _) in zip(HEADS, found, strict=True):
            error = errors[head]
            rows.append(classical("multigrid, stopped", stopped(system, problem, exact, error), head))
            if other := coarser(nu, problem, exact, error):
                rows.append(classical("coarser grid", other, head))
            for batch in BATCHES:
                each = inferred(solver, many[:batch] if batch > 1 else nu[None])
                cells = {"what": "inference", "generator": head, "batch": batch, "classical": 0}
                rows.append(replace(place, **cells, seconds=each, error=error))
    return rows


def seconds(of: Timed) -> dict[str, float]:
    """The columns of a row."""
    return {"assembly": of.assembly, "set_up": of.set_up, "seconds": of.seconds}


def name(problem: pk.Poisson) -> str:
    """64 x 64."""
    return " x ".join(str(side) for side in problem.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--squares", nargs="+", type=int, default=[64, 128, 256, 512])
    parser.add_argument("--cubes", nargs="*", type=int, default=[32])
    parser.add_argument(
        "--steps", type=int, help="of the training, to try this out (default: the experiment's)"
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    steps = f" --steps {arguments.steps}" if arguments.steps else ""
    title = f"python -m tests.benchmarks.break_even{steps}; {machine()}"
    print(title)
    problems = [pk.Poisson(n) for n in arguments.squares] + [pk.Poisson(n, dim=3) for n in arguments.cubes]
    rows: list[Row] = []
    errors: dict[str, float] = {}
    for problem in problems:
        rows += (new := measure(problem, errors, arguments.steps))
        show(new)
        if arguments.out:
            write(rows, arguments.out, title)


def show(rows: list[Row]) -> None:
    """Medians over the rounds."""
    for key in dict.fromkeys((row.what, row.generator, row.batch) for row in rows):
        of = [row for row in rows if (row.what, row.generator, row.batch) == key]
        numbers = np.median([(row.assembly, row.set_up, row.seconds, row.error) for row in of], axis=0)
        words = "assembly {:8.4f} s, set-up {:8.4f} s, {:9.4f} s, error {:.2g}".format(*numbers)
        print(f"{of[0].grid:14} {key[0]:18} {key[1]:9} batch {key[2]:2}: {words}", flush=True)


def write(rows: list[Row], path: Path, title: str) -> None:
    """All rows as a table of pdekit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {title}\n")
        table = csv.writer(file)
        table.writerow([field.name for field in fields(Row)])
        for row in rows:
            table.writerow([f"{v:.4g}" if isinstance(v, float) else v for v in astuple(row)])


if __name__ == "__main__":
    main()
