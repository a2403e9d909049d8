"""Stand-ins for cluster, solver and experiment that keep the contract and need no engines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import pdekit as pk

DEATH = "Rank 1 was killed by signal 9. Call restart() for fresh engines."


class DeadRankError(RuntimeError):
    """What the cluster raises for a dead rank."""


@dataclass(frozen=True)
class FakeProblem:
    resolution: int = 64
    given = "coefficient ν"
    positive = True
    objectives = ("log", "mean")

    @property
    def axes(self) -> dict[str, np.ndarray]:
        return {name: np.linspace(0, 1, self.resolution) for name in "yx"}

    @property
    def shape(self) -> tuple[int, int]:
        return self.resolution, self.resolution

    def error(self, u: np.ndarray, u_reference: np.ndarray) -> float:
        return float(np.linalg.norm(u - u_reference) / np.linalg.norm(u_reference))

    def at(self, resolution: int) -> "FakeProblem":
        return replace(self, resolution=resolution)

    def held_out(self, count: int) -> range:
        return range(1000, 1000 + count)

    def coefficient(self, i: int) -> np.ndarray:
        x = np.linspace(0, 1, self.resolution)
        return np.exp(np.add.outer(np.sin(i * x), x))

    def reference(self, i: int) -> np.ndarray:
        return np.broadcast_to(
            1 - np.linspace(0, 1, self.resolution), (self.resolution, self.resolution)
        ).copy()


@dataclass(frozen=True)
class FakeExperiment:
    problem: FakeProblem = field(default_factory=FakeProblem)
    optimizer: str = "adamw"
    rate: float | None = None
    samples: int = 512
    batch: int | None = None
    steps: int = 400
    generator: Any = field(default_factory=pk.UNet)

    def __post_init__(self) -> None:
        if self.rate is None:
            object.__setattr__(self, "rate", {"lbfgs": 1.0, "sgd": 0.1}.get(self.optimizer, 3e-3))
        if self.batch is None:
            object.__setattr__(self, "batch", self.samples if self.optimizer == "lbfgs" else 8)
        if not self.rate > 0:
            raise ValueError(f"rate: expected a finite number above 0, got {self.rate}; give rate=0.001")

    def with_optimizer(self, name: str) -> "FakeExperiment":
        samples = 64 if name == "lbfgs" else self.samples
        return replace(self, optimizer=name, rate=None, batch=None, samples=samples)

    @property
    def plan(self) -> tuple[tuple[int, int], ...]:
        return ((self.problem.resolution // 2, self.steps // 2), (self.problem.resolution, self.steps))


class FakeHistory:
    def __init__(self) -> None:
        self.steps: list[Any] = []

    def __len__(self) -> int:
        return len(self.steps)

    def __getattr__(self, name: str) -> np.ndarray:
        return np.array([getattr(step, name) for step in self.steps])


class FakeSolver:
    """Takes its calls one after the other, as an engine does; a step lasts `seconds_per_step`."""

    def __init__(self, cluster: "FakeCluster", experiment: FakeExperiment, ranks: int) -> None:
        self.cluster, self.experiment, self.ranks = cluster, experiment, ranks
        self.history, self.calls, self.seconds = pk.History(size=ranks), [], 0.0
        self._engine = asyncio.Lock()

    @property
    def done(self) -> bool:
        return len(self.history) >= self.experiment.steps

    @property
    def resolution(self) -> int:
        return self.history.steps[-1].resolution if len(self.history) else self.experiment.plan[0][0]

    async def _work(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.cluster.killed.wait(), seconds)
        except TimeoutError:
            return
        raise DeadRankError(DEATH)

    async def advance_async(self, k: int) -> list[Any]:
        self.calls.append(k)
        async with self._engine:
            steps = []
            for _ in range(min(k, self.experiment.steps - len(self.history))):
                await self._work(self.cluster.seconds_per_step)
                self.seconds += self.cluster.seconds_per_step
                number = len(self.history) + 1
                if self.cluster.diverges_at == number:
                    raise FloatingPointError(f"step {number}: expected a finite loss, got nan")
                grid = next(r for r, last in self.experiment.plan if number <= last)
                loss = np.exp(-number / 50) - 1.0
                steps.append(pk.Step(number, loss, self.seconds, grid, 1e-3, 1 / number, 0.2, 1, samples=8))
                self.history.extend(steps[-1:], np.ones((1, self.ranks, 3)))
            return steps

    async def predict_async(self, i: int, resolution: int | None = None) -> np.ndarray:
        async with self._engine:
            await self._work(0.001)
            u = FakeProblem(resolution or self.experiment.problem.resolution).reference(i)
            return u * (1 + 1 / (1 + len(self.history)))


class FakeCluster:
    def __init__(self, ranks: int = 2, state: str = "ready", seconds_per_step: float = 0.01) -> None:
        self.ranks, self.state, self.seconds_per_step = ranks, state, seconds_per_step
        self.message, self.callbacks = "", []
        self.diverges_at: int | None = None
        self.solvers: list[FakeSolver] = []
        self.killed = asyncio.Event()

    def on_change(self, callback: Callable[["FakeCluster"], object]) -> None:
        self.callbacks.append(callback)

    def become(self, state: str, message: str = "") -> None:
        self.state, self.message = state, message
        for callback in self.callbacks:
            callback(self)

    async def start_async(self) -> None:
        self.become("starting")
        await asyncio.sleep(0.2)
        self.become("ready")

    def kill(self) -> None:
        self.killed.set()
        self.become("dead", DEATH)

    async def restart_async(self) -> None:
        await asyncio.sleep(0.2)
        self.killed = asyncio.Event()
        self.become("ready")

    async def solver_async(self, experiment: FakeExperiment, ranks: int) -> FakeSolver:
        self.solvers.append(FakeSolver(self, experiment, ranks))
        return self.solvers[-1]
