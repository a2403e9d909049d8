"""Methods x problems x batches: what each takes to the same loss, and to the same held-out error.

    python -m tests.benchmarks.optimizers [--out FILE] [--ranks 1] [--epochs 80] [--seeds 3] [--jobs 2]
                                                                                              (make bench-optimizers)

The default U-Net with group norm, so that a loss is the same function of the parameters for every batch, on grids of
32 x 32 (galerkin-64: of 64 x 64, for which `--epochs 40` is enough) with 64 samples, float32, one process with one
thread a run. "loss" is over all 64 samples: the mean of log(E / E*) where there is an energy E, whose least E* is that
of the classical solution, else the objective itself. "error" is the mean relative L2 error of 16 held-out samples.
Seconds are the process's, in steps alone; an evaluation of all samples is an epoch; messages and bytes are those of
a rank of several, counted as they are asked for. With `--ranks 2` each run is a job of two ranks of one thread, and
seconds are those of the clock: take `--jobs 1`, and another FILE.

Each method gets its rate with the same effort: three, a factor of three apart, for a third of the epochs, and further
ones while the best is at an end, at most two. The ends of those runs are in the file, too. L-BFGS and newton-cg have
none to find. What is in FILE already is not run again, so that the whole, some hours, may be interrupted.
"""

import argparse
import csv
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import pdekit as pk
from pdekit.optim.recipe import Recipe
from pdekit.parallel import Comm, Serial
from pdekit.pde.ritz import Ritz
from pdekit.train.objectives import OBJECTIVES
from tests.benchmarks.optimizers_table import show
from tests.benchmarks.race import answer, on_ranks

SAMPLES = 64
MARKS = 24  # places, evenly spaced in the logarithm of the epoch, where a run is looked at
FACTOR, FURTHER = 3.0, 2  # between rates, and how many more are tried where the best is at an end

PROBLEMS: dict[str, dict[str, object]] = {
    "poisson": {"problem": pk.Poisson(32)},
    "galerkin": {"problem": pk.Poisson(32), "head": "galerkin"},
    "p-laplace": {"problem": pk.PLaplace(32)},
    "burgers": {"problem": pk.Burgers(32)},
    "galerkin-64": {"problem": pk.Poisson(64), "head": "galerkin"},
}


class Method(NamedTuple):
    """`rate` is the middle one of those tried first, None where none is; `batches` those it is meant for."""

    recipe: Recipe
    rate: float | None = None
    batches: tuple[int, ...] = (8, SAMPLES)


METHODS = {
    "sgd": Method(pk.SGD(), 1e-2),
    "adam": Method(pk.Adam(), 3e-3),
    "muon": Method(pk.Muon(), 3e-3),
    "soap": Method(pk.SOAP(), 3e-3),
    "lars": Method(pk.LARS(), 1e-2, (SAMPLES,)),
    "lamb": Method(pk.LAMB(), 1e-2, (SAMPLES,)),
    "adam-lbfgs": Method(pk.Then("adam", "lbfgs", after=8 / 9), 3e-3, (8,)),  # half of the epochs each
    "lbfgs": Method(pk.LBFGS(), None, (SAMPLES,)),
    "slbfgs": Method(pk.StochasticLBFGS(), None, (8, 16)),
    "slbfgs-grown": Method(pk.StochasticLBFGS(growth=1.3), None, (8,)),
    "newton-cg": Method(pk.NewtonCG(), None, (SAMPLES,)),
}


@dataclass(frozen=True)
class Row:
    """A run at one of its marks; `budget` is the epoch at which it ends."""

    problem: str
    method: str
    batch: int
    rate: float
    seed: int
    budget: int
    epoch: float
    seconds: float
    steps: int
    messages: int
    megabytes: float
    loss: float
    error: float


class Counting(Serial):
    """One process that counts what a rank of several would say."""

    def __init__(self) -> None:
        self.seconds, self.sent, self.messages = 0.0, 0, 0

    def allreduce(self, array: np.ndarray) -> None:
        self.sent += array.nbytes
        self.messages += 1


class Case(NamedTuple):
    """A method on a problem with a batch."""

    problem: str
    method: str
    batch: int

    def run(self, rate: float | None, seed: int, epochs: int, seconds: float, comm: Comm) -> Iterator[Row]:
        """Train on all ranks; it ends early after `seconds`, or where the method finds no lower loss."""
        clock = time.process_time if comm.size == 1 else time.perf_counter
        recipe, batches = METHODS[self.method].recipe, SAMPLES // self.batch
        steps = epochs * batches
        if isinstance(recipe, pk.Then):
            steps = round(steps / 2 + epochs / 2)
        if isinstance(
            recipe, pk.StochasticLBFGS
        ):  # evaluations in a step; with growth, about as many in the run
            steps = max(round(steps / (recipe.iterations + 1) / (2 if recipe.growth > 1 else 1)), 1)
        setting = PROBLEMS[self.problem] | {"samples": SAMPLES, "batch": self.batch, "steps": steps}
        generator = pk.UNet(norm="group")
        experiment = pk.Experiment(
            **setting, generator=generator, optimizer=recipe, rate=rate, seed=seed, grids="single"
        )
        solver, look = pk.Solver(experiment, comm), Looking(experiment)
        marks = iter(np.geomspace(1, epochs, MARKS))
        mark, spent, epoch = next(marks), 0.0, 0.0
        while not solver.done and epoch < epochs and spent < seconds:
            start = clock()
            try:
                step = next(solver)
            except FloatingPointError:
                yield self.row(solver, seed, epochs, epoch, spent, math.inf, math.inf)
                return
            spent = float(comm.allgather(np.array(spent + clock() - start)).max())  # the same on all ranks
            epoch += step.samples / SAMPLES
            if epoch >= mark or solver.done or spent >= seconds:
                mark = next((m for m in marks if m > epoch), epochs)
                yield self.row(solver, seed, epochs, epoch, spent, *look(solver))

    def row(
        self, solver: pk.Solver, seed: int, budget: int, epoch: float, spent: float, *found: float
    ) -> Row:
        """`found` are loss and error."""
        steps, rate = solver.history, solver.experiment.rate
        counted = len(steps), int(steps.messages.sum()), steps.sent.sum() / 1e6
        return Row(*self, rate, seed, budget, epoch, spent, *counted, *found)

    def all(self, epochs: int, seeds: int, seconds: float, comm: Comm) -> list[Row]:
        """All runs of it: those that find the rate, and those with it."""
        rows, finals, rate = list[Row](), dict[float, float](), METHODS[self.method].rate
        if rate is not None:
            waiting = [rate / FACTOR, rate, rate * FACTOR]
            while waiting:
                one = waiting.pop()
                *_, last = self.run(one, 0, max(epochs // 3, 1), seconds, comm)
                rows.append(last)
                finals[one] = rows[-1].loss
                best = min(finals, key=finals.get)
                if not waiting and len(finals) < 3 + FURTHER and best in (min(finals), max(finals)):
                    waiting = [best / FACTOR if best == min(finals) else best * FACTOR]
            rate = best
        for seed in range(seeds):
            rows += self.run(rate, seed, epochs, seconds, comm)
        return rows


class Looking:
    """The loss over all samples, and the held-out error, of a solver of `experiment`."""

    def __init__(self, experiment: pk.Experiment) -> None:
        problem, which = experiment.problem, range(SAMPLES)
        self.samples = problem.sample(which, torch.float32)
        self.exact = problem.sample(which)
        self.objective = OBJECTIVES[experiment.objective]
        self.least = None
        if isinstance(problem, Ritz):
            self.least = problem.losses(torch.from_numpy(problem.reference(which)), self.exact)

    def __call__(self, solver: pk.Solver) -> tuple[float, float]:
        problem = solver.experiment.problem
        solver.generator.eval()
        with torch.no_grad():
            u = solver.field(problem, self.samples).double()
            losses = problem.losses(u, self.exact)
        loss = self.objective(losses) if self.least is None else (losses / self.least).log()
        return float(loss.mean()), solver.error(problem.held_out(16))


def work(case: Case, *settings: float) -> None:
    """What each rank of a job does."""
    torch.set_num_threads(1)
    world = pk.World()
    answer([astuple(row) for row in case.all(*settings, Counting() if world.size == 1 else world)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("optimizers.csv"))
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=90.0, help="at most, of a run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--batches", nargs="+", type=int, default=[], help="instead of a method's own")
    parser.add_argument("--rank", nargs=6, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.rank:
        problem, method, batch, epochs, seeds, seconds = chosen.rank
        work(Case(problem, method, int(batch)), int(epochs), int(seeds), float(seconds))
        return
    there = set[tuple[str, str, int]]()
    if chosen.out.exists():
        before = pk.table(chosen.out)
        there = set(zip(before["problem"], before["method"], before["batch"].astype(int), strict=True))
    cases = [
        Case(problem, method, batch)
        for problem in chosen.problems
        for method in chosen.methods
        for batch in chosen.batches or METHODS[method].batches
    ]
    names = [f.name for f in fields(Row)]
    with (
        chosen.out.open("a", newline="") as file,
        ThreadPoolExecutor(chosen.jobs) as pool,
    ):
        table = csv.writer(file, lineterminator="\n")
        if not file.tell():
            table.writerow(names)
        settings = chosen.epochs, chosen.seeds, chosen.seconds
        waiting = {
            pool.submit(on_ranks, chosen.ranks, "optimizers", *case, *settings): case
            for case in cases
            if case not in there
        }
        for done in as_completed(waiting):
            rows = [Row(*values) for values in done.result()]
            table.writerows([f"{v:.5g}" if isinstance(v, float) else v for v in astuple(row)] for row in rows)
            file.flush()
            print(*waiting[done], f"rate {rows[-1].rate:.3g}: loss {rows[-1].loss:.4g}", flush=True)
    show(pk.table(chosen.out))


if __name__ == "__main__":
    main()
