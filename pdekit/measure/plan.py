"""What is to be measured: plain values, and the pieces of work that they stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from pdekit import checks
from pdekit.optim.menu import OPTIMIZERS, method
from pdekit.processors import cores
from pdekit.scaling.piece import Piece
from pdekit.train import Experiment
from pdekit.train.own import own

SCALINGS = ("strong", "weak")
BYTES = tuple(2**k for k in range(3, 25))  # 8 B to 16 MiB
WHOLE = ("ranks", "resolutions", "threads", "bytes")  # lists of whole numbers
CHOICES = {"scaling": SCALINGS, "optimizers": tuple(OPTIMIZERS)}  # and of words
MOST_BYTES = 2**31 - 4  # that older MPI libraries count


@dataclass(frozen=True)
class Plan:
    """What `pdekit scale` measures; `Plan()` is for this machine. ValueError on the first setting that cannot work.

    Steps of `experiment` (its text, or one) on the first `ranks` ranks of the job (left out: 1, 2, 4, ... up to this
    machine's cores), with each of `resolutions` (left out: the experiment's and half of it), `optimizers` and
    `threads`. "strong" scaling has `global_batch` samples a step on any number of ranks, "weak" so many on each.
    Ping-pongs and allreduces have these `bytes`. Either may be empty: `bytes=()`, `scaling=()`. All pieces are taken
    in turns, so many `rounds`; the steps of a turn last about `seconds`, messages a twentieth of that.
    """

    ranks: tuple[int, ...] = ()
    resolutions: tuple[int, ...] = ()
    global_batch: int = 8
    scaling: tuple[str, ...] = SCALINGS
    optimizers: tuple[str, ...] = ("adamw", "lbfgs")
    bytes: tuple[int, ...] = BYTES
    rounds: int = 5
    threads: tuple[int, ...] = (1,)
    seconds: float = 0.6
    experiment: str = ""

    def __post_init__(self) -> None:
        made = Experiment.parse(str(self.experiment)) if self.experiment else Experiment()
        given = {name: _several(getattr(self, name)) for name in (*WHOLE, *CHOICES)}
        for name in WHOLE:
            most = MOST_BYTES if name == "bytes" else None
            given[name] = tuple(sorted(checks.whole(name, value, most=most) for value in given[name]))
        for value in given["bytes"]:
            if value % 4:
                nearest = value // 4 * 4 + 4
                raise checks.refuse("bytes", "multiples of 4, float32 numbers", value, f"give {nearest}")
        for name, choices in CHOICES.items():
            for value in given[name]:
                checks.one_of(name, value, choices)
        given["ranks"] = given["ranks"] or powers(cores())
        given["resolutions"] = given["resolutions"] or _halved(made)
        whole = {name: checks.whole(name, getattr(self, name)) for name in ("global_batch", "rounds")}
        checks.settle(
            self, **given, **whole, seconds=checks.positive("seconds", self.seconds), experiment=str(made)
        )
        if not self.scaling and not (self.bytes and max(self.ranks) > 1):
            remedy = "give scaling=('strong',), or bytes and more than one rank"
            raise checks.refuse("plan", "something to measure", "neither steps nor messages", remedy)
        for piece in self.pieces():
            if piece.kind == "step":
                self.experiment_of(piece)

    @classmethod
    def upto(cls, world: int, **settings: Any) -> "Plan":
        """For a world of so many ranks."""
        return cls(**({"ranks": powers(checks.whole("ranks", world))} | settings))

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Plan":
        """What `values` gave of one."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})

    def values(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def experiment_of(self, piece: Piece) -> Experiment:
        """What a step of `piece` trains; ValueError if that cannot be."""
        base = Experiment.parse(self.experiment, code=True)
        chosen = base.with_optimizer(piece.optimizer)
        recipe = method(piece.optimizer)
        samples = piece.global_batch if recipe.full_batch else max(own(recipe).samples, piece.global_batch)
        return replace(
            chosen,
            problem=base.problem.at(piece.resolution),
            samples=samples,
            batch=piece.global_batch,
            steps=own(recipe).steps,
            grids="single",
        )

    def pieces(self, hosts: Sequence[str] = ()) -> list[Piece]:
        """All of them in their order, on ranks of which `hosts` names the machines (left out: on one)."""
        here = [hosts[rank] if hosts else "" for rank in range(max(self.ranks))]
        several = [ranks for ranks in self.ranks if ranks > 1]
        found = []
        if several:
            others = range(1, len(here))
            beside = [rank for rank in others if here[rank] == here[0]][:1]
            away = [rank for rank in others if here[rank] != here[0]][:1]
            for partner in beside + away:
                nodes = len({here[0], here[partner]})
                found += [Piece("ping-pong", 2, nodes=nodes, bytes=n, partner=partner) for n in self.bytes]
        for ranks in several:
            nodes = len(set(here[:ranks]))
            found += [Piece("allreduce", ranks, nodes=nodes, bytes=n) for n in self.bytes]
        axes = (self.optimizers, self.resolutions, self.scaling, self.threads, self.ranks)
        for optimizer, resolution, scaling, threads, ranks in product(*axes):
            batch = self.global_batch * (ranks if scaling == "weak" else 1)
            nodes = len(set(here[:ranks]))
            found.append(Piece("step", ranks, threads, nodes, 0, resolution, batch, optimizer))
        return list(dict.fromkeys(found))

    def turns(self, hosts: Sequence[str] = ()) -> list[tuple[int, Piece]]:
        """Round and piece of every turn: each other round runs backwards, so that a slow drift cancels."""
        pieces = self.pieces(hosts)
        return [(r, piece) for r in range(self.rounds) for piece in (pieces if r % 2 == 0 else pieces[::-1])]


def powers(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... and `most`."""
    return tuple(sorted({*(2**k for k in range(most.bit_length())), most}))


def _several(given: object) -> tuple[Any, ...]:
    """As a tuple, without repeats."""
    return tuple(dict.fromkeys(given if isinstance(given, (tuple, list)) else (given,)))


def _halved(experiment: Experiment) -> tuple[int, ...]:
    """The experiment's grid, and half of it where the generator works there."""
    problem = experiment.problem
    half = problem.resolution // 2
    fits = half > 0 and experiment.generator.fits((half,) * problem.dim)
    return (half, problem.resolution) if fits else (problem.resolution,)
