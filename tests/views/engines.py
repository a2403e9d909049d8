"""Stand-ins for a cluster and its solvers that keep the contract and need no engines: a step is a nap."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pdekit as pk
from pdekit.train.checkpoint import name_of

DEATH = "Rank 1 was killed by signal 9. Call restart() for fresh engines."


class DeadRankError(RuntimeError):
    """What the cluster raises for a dead rank."""


class FakeSolver:
    """Takes its calls one after the other, as an engine does; a step lasts `seconds_per_step`."""

    def __init__(self, cluster: "FakeCluster", experiment: pk.Experiment, ranks: int, folder: Path) -> None:
        self.cluster, self.experiment, self.ranks, self.folder = cluster, experiment, ranks, folder
        self.history = pk.History(experiment=str(experiment), size=ranks)
        self.rate, self.slowness = experiment.rate, (None, 1.0)
        self.calls: list[int] = []
        self._flights: list[tuple[asyncio.Future, list[pk.Step]]] = []
        self.taken = 0  # steps, those that the history has not heard of yet included
        self._halted = 0  # of the calls
        self.memory = [500_000_000] * ranks
        self._engine = asyncio.Lock()

    @property
    def done(self) -> bool:
        return len(self.history) >= self.experiment.steps

    @property
    def held(self) -> bool:
        return self.cluster.state == "ready" and self.cluster.holder is self

    @property
    def resolution(self) -> int:
        return self.history.steps[-1].resolution if len(self.history) else self.experiment.plan[0][0]

    async def _work(self, seconds: float) -> None:
        if not self.held:
            raise DeadRankError(self.cluster.message or "This solver is no longer on the engines")
        try:
            await asyncio.wait_for(self.cluster.killed.wait(), seconds)
        except TimeoutError:
            return
        raise DeadRankError(DEATH)

    async def advance_async(self, k: int) -> list[Any]:
        self.send_ahead(k)
        while self._flights:
            steps = await self.landed_async()
        return steps

    def send_ahead(self, k: int) -> None:
        self.calls.append(k)
        brought: list[pk.Step] = []
        self._flights.append((asyncio.ensure_future(self._take(k, len(self.calls), brought)), brought))

    def halt(self) -> None:
        self._halted = len(self.calls)

    async def landed_async(self) -> list[Any]:
        if not self._flights:
            return []
        call, brought = self._flights.pop(0)
        try:
            await call
        finally:
            self.history.extend(brought, np.ones((len(brought), self.ranks, 3)))
        return brought

    async def _take(self, k: int, call: int, brought: list[pk.Step]) -> None:
        async with self._engine:
            for _ in range(min(k, self.experiment.steps - self.taken)):
                if call <= self._halted:
                    break
                await self._work(self.cluster.seconds_per_step)
                if self.cluster.diverges_at == self.taken + 1:
                    raise FloatingPointError(f"step {self.taken + 1}: expected a finite loss, got nan")
                self.taken += 1
                brought.append(self._step(self.taken))

    def _step(self, number: int) -> pk.Step:
        grid = next(r for r, last in self.experiment.plan if number <= last)
        seconds = number * self.cluster.seconds_per_step
        return pk.Step(
            number, np.exp(-number / 50) - 1.0, seconds, grid, self.rate, 1.0 / number, 0.001, 1, samples=4
        )

    async def predict_async(self, i: int, resolution: int | None = None) -> np.ndarray:
        async with self._engine:
            await self._work(0.001)
            u = self.experiment.problem.at(resolution or self.resolution).reference(i)
            return u * (1 + 1 / (1 + self.taken))

    async def change_rate_async(self, rate: float) -> None:
        self.rate = rate

    async def slow_async(self, rank: int | None, factor: float) -> None:
        self.slowness = (rank, factor)

    async def checkpoint_async(self, folder: str | Path | None = None) -> Path:
        async with self._engine:
            await self._work(0.001)
            self.folder = Path(folder or self.folder)
            self.cluster.shelf[str(self.folder)] = (self.experiment, self.history.steps[:], self.rate)
            path = self.folder / name_of(len(self.history))
            path.mkdir(parents=True, exist_ok=True)
            for rank in range(self.ranks):
                (path / f"part-{rank}-of-{self.ranks}.safetensors").touch()
            return path


class FakeCluster:
    """Checkpoints lie on its `shelf`, by folder."""

    warning = stage = ""

    def __init__(self, ranks: int = 2, state: str = "ready", seconds_per_step: float = 0.01) -> None:
        self.ranks, self.threads, self.state, self.seconds_per_step = ranks, 1, state, seconds_per_step
        self.message, self.callbacks = "", []
        self.diverges_at: int | None = None
        self.solvers: list[FakeSolver] = []
        self.holder: FakeSolver | None = None
        self.shelf: dict[str, Any] = {}
        self.killed = asyncio.Event()

    def on_change(self, callback: Callable[["FakeCluster"], object]) -> None:
        self.callbacks.append(callback)

    def become(self, state: str, message: str = "") -> None:
        self.state, self.message = state, message
        for callback in self.callbacks:
            callback(self)

    async def start_async(self) -> None:
        self.become("starting")
        self.stage = "importing torch on 2 of 2 ranks"
        await asyncio.sleep(0.5)
        self.stage = ""
        self.become("ready")

    async def close_async(self) -> None:
        self.holder = None
        self.become("stopped")

    def kill(self) -> None:
        self.killed.set()
        self.become("dead", DEATH)

    async def restart_async(self) -> None:
        await asyncio.sleep(0.2)
        self.killed, self.holder = asyncio.Event(), None
        self.become("ready")

    async def set_threads_async(self, threads: int) -> None:
        self.threads = threads

    async def solver_async(
        self, experiment: pk.Experiment, ranks: int, checkpoints: Path, **_: int
    ) -> FakeSolver:
        self.holder = FakeSolver(self, experiment, ranks, checkpoints)
        self.solvers.append(self.holder)
        return self.holder

    async def scale_async(self, plan: pk.Plan, progress: Callable[[int, int, str], None]) -> pk.Measurement:
        """Half as long on two ranks."""
        pieces, trials = plan.turns(), []
        for done, (number, piece) in enumerate(pieces):
            progress(done, len(pieces), f"round {number + 1}")
            await asyncio.sleep(0.05)
            assert piece.kind == "step"
            told = {"communication": (0.01,) * piece.ranks, "compute": (0.9,) * piece.ranks}
            where = {"round": number, "resolution": piece.resolution, "global_batch": piece.global_batch}
            trials.append(
                pk.Trial("step", piece.ranks, 1 / piece.ranks, optimizer=piece.optimizer, **where, **told)
            )
        return pk.Measurement(trials, {"warnings": ["a <b>core</b> is shared"]})

    async def resume_async(self, folder: str | Path, ranks: int, code: bool = False) -> FakeSolver:
        if str(folder) not in self.shelf:
            raise ValueError(f"checkpoint: expected a folder with one, got {folder}; look for another")
        experiment, steps, rate = self.shelf[str(folder)]
        solver = await self.solver_async(experiment, ranks, Path(folder))
        solver.history.extend(steps, np.ones((len(steps), ranks, 3)))
        solver.taken = len(steps)
        solver.rate = rate
        return solver
