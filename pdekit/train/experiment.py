"""All settings of a run as one value: checked when it is made, printed as one line, and read back from it."""

from dataclasses import dataclass, field, replace

import torch
from torch import nn

from pdekit import checks
from pdekit.generators import UNet
from pdekit.generators.generator import Generator, NormLayer
from pdekit.optim.menu import OPTIMIZERS, method
from pdekit.optim.named import look_up, short
from pdekit.optim.recipe import Recipe
from pdekit.optim.schedules import Schedule
from pdekit.optim.warm_up import SCHEDULES
from pdekit.pde import Poisson
from pdekit.pde.fields import FIRST_HELD_OUT
from pdekit.pde.galerkin import Galerkin
from pdekit.pde.problem import Problem
from pdekit.train.curvature import can_be_bent
from pdekit.train.cycles import CYCLES, plan
from pdekit.train.objectives import OBJECTIVES
from pdekit.train.own import own
from pdekit.train.text import parse

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Experiment:
    """What to train, on what, and how: plain values only. Raises ValueError on the first setting that cannot work.

    `optimizer` and `schedule` are names, or recipes with settings such as `pk.Adam(betas=(0.9, 0.99))`; `rate` and
    `batch` left out are the optimizer's own (L-BFGS: the whole set of samples as one batch).
    `objective` is the mean over samples of each one's loss ("mean"), or of its logarithm, root or asinh, which
    give samples of different scale the same weight; left out, the best that the problem allows. `grids` leads
    through a hierarchy of halved grids where these fit the generator: "single", "coarse-to-fine", or a
    multigrid cycle "v", "w", "f", "half-v"; left out, what suits the problem. Each visit of a grid gets the
    same share of the work, over which the rate's schedule runs. `head="galerkin"`: the generator proposes a
    basis, and the best combination in it is taken. `steps` are optimizer steps, `batch` the *global* batch
    (that of the first epoch where the optimizer lets it grow). Of three ways to add up the ranks other than one
    message, one may be chosen: `reproducible`, the same bits on 1 to 8 ranks, each with one thread; `sharded`, each
    rank holds its part of the optimizer's state; `overlap`, gradients travel while backward goes on. `start` is the
    path of a generator of the same recipe, saved by a solver of another grid or problem; `frozen` names parts of the
    network that keep their numbers, such as ("down.0",).
    `mean="ranks"` trains the mean of the ranks' means, which depends on their number: to see it go wrong.
    """

    problem: Problem = field(default_factory=Poisson)
    generator: Generator = field(default_factory=UNet)
    optimizer: Recipe | str = "adamw"
    rate: float | None = None
    schedule: Schedule | str | None = None
    samples: int | None = None
    batch: int | None = None
    steps: int | None = None
    head: Galerkin | str = "plain"
    objective: str | None = None
    grids: str | None = None
    seed: int = 0
    dtype: str = "float32"
    reproducible: bool = False
    sharded: bool = False
    overlap: bool = False
    start: str | None = None
    frozen: tuple[str, ...] = ()
    mean: str = "samples"

    def __post_init__(self) -> None:
        for name, kind in (("problem", Problem), ("generator", Generator)):
            if not isinstance(getattr(self, name), kind):
                got = getattr(self, name)
                example = {"problem": "pk.Poisson(64)", "generator": "pk.UNet()"}[name]
                raise checks.refuse(name, f"a {kind.__name__}", got, f"give {name}={example}")
        recipe = method(self.optimizer)
        allowed = self.problem.objectives
        objective = _or(self.objective, allowed[0])
        checks.one_of("objective", objective, OBJECTIVES)
        if objective not in allowed:
            expected = f"one of {', '.join(map(repr, allowed))} for {type(self.problem).__name__}"
            remedy = "its loss may be zero or below: use one of these"
            raise checks.refuse("objective", expected, objective, remedy)
        checks.one_of("dtype", self.dtype, DTYPES)
        its = own(recipe)
        samples = checks.whole("samples", _or(self.samples, its.samples), most=FIRST_HELD_OUT)
        schedule = look_up("schedule", _or(self.schedule, its.schedule), Schedule, SCHEDULES)
        checks.settle(
            self,
            optimizer=short(recipe, OPTIMIZERS),
            rate=checks.positive("rate", _or(self.rate, recipe.default_rate)),
            schedule=short(schedule, SCHEDULES),
            samples=samples,
            batch=checks.whole("batch", _or(self.batch, min(its.batch, samples)), most=samples),
            steps=checks.whole("steps", _or(self.steps, its.steps)),
            seed=checks.whole("seed", self.seed, least=0),
            objective=objective,
            head=head_of(self.head),
            mean=checks.one_of("mean", self.mean, ("samples", "ranks")),
            grids=checks.one_of("grids", _or(self.grids, self.problem.grids), CYCLES),
        )
        if self.start is not None and not (isinstance(self.start, str) and self.start):
            raise checks.refuse(
                "start", "the path of a saved generator, or None", self.start, "give it as text"
            )
        if not isinstance(self.frozen, (tuple, list)) or not all(isinstance(one, str) for one in self.frozen):
            raise checks.refuse(
                "frozen", "names of parts", self.frozen, "give frozen=('down.0',), for instance"
            )
        checks.settle(self, frozen=tuple(self.frozen))
        ways = [name for name in ("reproducible", "sharded", "overlap") if getattr(self, name)]
        if len(ways) > 1:
            raise checks.refuse("reduction", "one way at most", " and ".join(ways), "choose one of them")
        if self.mean == "ranks" and self.reproducible:
            remedy = "leave reproducible out: such a loss depends on the number of ranks"
            raise checks.refuse("mean", "'samples' with reproducible=True", self.mean, remedy)
        if self.sharded and recipe.layers:
            remedy = "leave sharded out, or use sgd, adam, adamw or lbfgs"
            raise checks.refuse(
                "sharded", f"False with {self.optimizer}, which sees whole layers", True, remedy
            )
        if any(one.products for one in (recipe, recipe.last)):
            can_be_bent(self.problem, self.sharded or self.reproducible)
        self.generator.check(self.problem.shape)
        if self.head != "plain":
            self.head.check(self.problem)
        shapes = {(resolution,) * self.problem.dim for resolution, _ in self.plan}
        self.generator.try_out(self.problem.channels, self.outputs, tuple(sorted(shapes)))

    def with_optimizer(self, optimizer: Recipe | str) -> "Experiment":
        """The same with another optimizer, and with what suits it where this one's does not."""
        changed = {"optimizer": optimizer, "rate": None}
        if own(method(optimizer)) != own(method(self.optimizer)):
            changed |= dict.fromkeys(("schedule", "samples", "batch", "steps"))
        return replace(self, **changed)

    @property
    def plan(self) -> tuple[tuple[int, int], ...]:
        """The grids in their order, each as (resolution, number of its last step)."""

        def fits(resolution: int) -> bool:
            return self.generator.fits((resolution,) * self.problem.dim)

        return plan(self.grids, self.problem.resolution, self.steps, self.problem.dim, fits)

    def visit(self, step: int) -> int:
        """Which entry of the plan step number `step` (from 1 on) belongs to."""
        return next(k for k, (_, last) in enumerate(self.plan) if step <= last)

    def resolution_at(self, step: int) -> int:
        """The grid of step number `step` (from 1 on)."""
        return self.plan[self.visit(step)][0]

    @property
    def reduction(self) -> str:
        """How loss and gradient are summed over the ranks: a name in `parallel.REDUCTIONS`."""
        ways = {"reproducible": self.reproducible, "sharded": self.sharded, "overlapped": self.overlap}
        return next((name for name, chosen in ways.items() if chosen), "together")

    @property
    def outputs(self) -> int:
        """How many fields the generator returns."""
        return self.problem.components * (1 if self.head == "plain" else self.head.basis)

    def build(self, norm_layer: NormLayer) -> nn.Module:
        """The generator's network, its norm layers made by `norm_layer(channels)`."""
        problem, zero = self.problem, self.head == "plain"
        return self.generator.build(norm_layer, problem.channels, self.outputs, problem.dim, zero)

    def progress(self, step: int) -> float:
        """The share of the work that is done before step number `step`, in [0, 1): each grid has the same share."""
        first = 0
        for k, (_, last) in enumerate(self.plan):
            if step <= last:
                return (k + (step - 1 - first) / (last - first)) / len(self.plan)
            first = last
        raise checks.refuse("step", f"a step up to {self.steps}", step, "the experiment ends there")

    @classmethod
    def parse(cls, text: str, code: bool = False) -> "Experiment":
        """The experiment that printed as `text`. ValueError if it is not such a line; nothing in it is executed.

        A PDE or a network of one's own is a function, and to read it is to run it: such a text is refused without
        `code=True`.
        """
        made = parse(text, code)
        if not isinstance(made, cls):
            raise checks.refuse("experiment", "Experiment(...)", text, "copy the whole line")
        return made


def head_of(head: object) -> Galerkin | str:
    """ "plain", or the settings of the Galerkin head; ValueError for anything else."""
    if isinstance(head, Galerkin):
        return head
    return Galerkin() if checks.one_of("head", head, ("plain", "galerkin")) == "galerkin" else "plain"


def _or(value: object, otherwise: object) -> object:
    return otherwise if value is None else value
