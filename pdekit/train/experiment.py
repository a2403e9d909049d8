"""All settings of a run as one value: checked when it is made, printed as one line, and read back from it."""

import ast
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import torch

from pdekit import checks
from pdekit.generators import UNet
from pdekit.optim import OPTIMIZERS, RATES, SCHEDULES
from pdekit.pde import Poisson
from pdekit.pde.poisson import FIRST_HELD_OUT

OBJECTIVES = ("log-energy", "energy")
GRIDS = ("coarse-to-fine", "single")
COARSEST = 32  # nodes along a side below which a coarse grid teaches little
DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Own(NamedTuple):
    """What a kind of optimizer uses where an experiment says nothing."""

    schedule: str
    samples: int
    batch: int
    steps: int


MINI_BATCH = Own("cosine", samples=512, batch=8, steps=1600)
# A line search compares losses of one batch, so it gets all samples at once; few, so that a step takes about a second.
FULL_BATCH = Own("constant", samples=64, batch=FIRST_HELD_OUT, steps=200)


@dataclass(frozen=True)
class Experiment:
    """What to train, on what, and how: plain values only. Raises ValueError on the first setting that cannot work.

    `rate` and `batch` left out are the optimizer's own (L-BFGS: the whole set of samples as one batch).
    `objective` is the mean over samples of the energy, or of its logarithm, which gives each sample the same
    weight whatever its permeability. `grids="coarse-to-fine"` starts on halved grids where these fit the
    generator; each grid gets the same share of the work, over which the rate's schedule runs. `steps` are
    optimizer steps, `batch` the *global* batch.
    """

    problem: Poisson = field(default_factory=Poisson)
    generator: UNet = field(default_factory=UNet)
    optimizer: str = "adamw"
    rate: float | None = None
    schedule: str | None = None
    samples: int | None = None
    batch: int | None = None
    steps: int | None = None
    objective: str = "log-energy"
    grids: str = "coarse-to-fine"
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name, kind in (("problem", Poisson), ("generator", UNet)):
            if not isinstance(getattr(self, name), kind):
                got = getattr(self, name)
                raise checks.refuse(name, f"a {kind.__name__}", got, f"give {name}=pk.{kind.__name__}(...)")
        checks.one_of("optimizer", self.optimizer, OPTIMIZERS)
        checks.one_of("objective", self.objective, OBJECTIVES)
        checks.one_of("grids", self.grids, GRIDS)
        checks.one_of("dtype", self.dtype, DTYPES)
        own = FULL_BATCH if self.optimizer == "lbfgs" else MINI_BATCH
        samples = checks.whole("samples", _or(self.samples, own.samples), most=FIRST_HELD_OUT)
        checks.settle(
            self,
            rate=checks.positive("rate", _or(self.rate, RATES[self.optimizer])),
            schedule=checks.one_of("schedule", _or(self.schedule, own.schedule), SCHEDULES),
            samples=samples,
            batch=checks.whole("batch", _or(self.batch, min(own.batch, samples)), most=samples),
            steps=checks.whole("steps", _or(self.steps, own.steps)),
            seed=checks.whole("seed", self.seed, least=0),
        )
        self.generator.check(self.problem.shape)
        if self.objective == "log-energy" and not self.problem.positive:
            remedy = 'use objective="energy", or source=0.0'
            raise checks.refuse(
                "objective", "an energy above 0 to take the logarithm of", self.problem, remedy
            )

    def with_optimizer(self, name: str) -> "Experiment":
        """The same with another optimizer, and with what suits it where this one's does not."""
        if "lbfgs" in (name, self.optimizer) and name != self.optimizer:
            return replace(
                self, optimizer=name, rate=None, schedule=None, samples=None, batch=None, steps=None
            )
        return replace(self, optimizer=name, rate=None)

    @property
    def plan(self) -> tuple[tuple[int, int], ...]:
        """The grids in their order, each as (resolution, number of its last step)."""
        resolutions = [self.problem.resolution]
        while self.grids == "coarse-to-fine":
            half, odd = divmod(resolutions[0], 2)
            if odd or half < COARSEST or not self.generator.fits((half, half)):
                break
            resolutions.insert(0, half)
        share = [1 / r**2 for r in resolutions]  # the same work on each grid
        ends = [round(self.steps * sum(share[: k + 1]) / sum(share)) for k in range(len(share))]
        ends[:-1] = [min(end, self.steps - 1) for end in ends[:-1]]  # the last grid is always reached
        return tuple(zip(resolutions, ends, strict=True))

    def resolution_at(self, step: int) -> int:
        """The grid of step number `step` (from 1 on)."""
        return next(r for r, last in self.plan if step <= last)

    def progress(self, step: int) -> float:
        """The share of the work that is done before step number `step`, in [0, 1): each grid has the same share."""
        first = 0
        for k, (_, last) in enumerate(self.plan):
            if step <= last:
                return (k + (step - 1 - first) / (last - first)) / len(self.plan)
            first = last
        raise checks.refuse("step", f"a step up to {self.steps}", step, "the experiment ends there")

    @classmethod
    def parse(cls, text: str) -> "Experiment":
        """The experiment that printed as `text`. ValueError if it is not such a line; nothing in it is executed."""
        try:
            made = _build(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, TypeError) as error:
            raise checks.refuse("experiment", "a line like str(experiment)", text, str(error)) from error
        if not isinstance(made, cls):
            raise checks.refuse("experiment", "Experiment(...)", text, "copy the whole line")
        return made


RECIPES = {recipe.__name__: recipe for recipe in (Experiment, Poisson, UNet)}


def _build(node: ast.expr) -> object:
    """The value of a call of a known recipe, or of a literal."""
    if not isinstance(node, ast.Call):
        try:
            return ast.literal_eval(node)
        except ValueError as error:
            raise checks.refuse(
                "experiment", "plain values", ast.unparse(node), "write the value itself"
            ) from error
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "?")
    if name not in RECIPES:
        raise checks.refuse("experiment", f"one of {', '.join(RECIPES)}", name, "check the name")
    known = {f.name for f in fields(RECIPES[name])}
    for keyword in node.keywords:
        if keyword.arg not in known:
            raise checks.refuse(
                name, f"settings among {', '.join(sorted(known))}", keyword.arg, "check the name"
            )
    return RECIPES[name](*map(_build, node.args), **{k.arg: _build(k.value) for k in node.keywords})


def _or(value: object, otherwise: object) -> object:
    return otherwise if value is None else value
