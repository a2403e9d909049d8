"""The engines of one start of a cluster: brought up, asked in the order of their MPI ranks, and ended."""

import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from ipyparallel import Client

from pdekit.cluster import engine, stages
from pdekit.cluster.calls import Call
from pdekit.cluster.errors import ClusterError
from pdekit.cluster.launch import Plan
from pdekit.cluster.processes import Processes

CONNECT = 4.0  # seconds, at most, for one try: a controller on busy cores may answer much later
SAID = 8  # lines of the log in the message of a start that failed


class Engines:
    """Starts the processes at once; drive `connecting` to the end before anything else.

    They are also ended when `owner` is garbage, or when this process exits.
    """

    def __init__(self, plan: Plan, owner: object) -> None:
        self.plan, self.processes = plan, Processes(plan)
        self.solver: object = None  # a mark of the one that they hold
        self._finalizer = weakref.finalize(owner, self.processes.end)
        self._closed = False
        self._client: Client | None = None
        self._ids: list[int] = []  # ipyparallel's, in the order of the ranks
        self._calls: list[Call] = []
        self._answered = 0

    def connecting(self) -> Iterator[None]:
        """Connect to the controller and wait until all engines have answered; yields while it waits.

        ClusterError if that takes too long, a process ends, or the engines do not share one MPI world.
        """
        deadline = time.monotonic() + self.plan.timeout
        while not self.processes.listening:
            self._check(deadline, "a controller")
            yield
        folder, file = str(self.processes.folder), str(self.processes.connection_file)
        patience = CONNECT / 8
        while self._client is None:
            try:
                self._client = Client(file, profile_dir=folder, ipython_dir=folder, timeout=patience)
            except TimeoutError:  # each try blocks, so the first are short
                self._check(deadline, "the controller to answer")
                patience = min(2 * patience, CONNECT)
                yield
        asked: dict[int, Future] = {}
        answers: dict[int, tuple[int, int, int, int]] = {}
        while len(answers) < self.plan.ranks:
            self._check(deadline, f"{self.plan.ranks} engines ({len(answers)} have answered)")
            yield
            asked |= {i: self._ask(i, engine.hello) for i in self._client.ids if i not in asked}
            answers = {i: answer.result() for i, answer in asked.items() if answer.done()}
            self._answered = len(answers)
            for _, size, _, _ in answers.values():
                if size != self.plan.ranks:
                    raise ClusterError(_alone(self.plan, size))
        self._ids = sorted(answers, key=lambda i: answers[i][0])
        self.processes.ranks = {process: rank for rank, _, process, _ in answers.values()}

    def send(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], ranks: int, limit: float
    ) -> Call:
        """Put `function(*arguments)` in the queue of the first `ranks` ranks."""
        call = Call([self._ask(i, function, *arguments) for i in self._ids[:ranks]], limit)
        self._calls = [*(call for call in self._calls if not call.done), call]
        return call

    def failure(self) -> str | None:
        """None while all is well; else who ended or fell silent, and why."""
        failure = self.processes.failure()
        silent = [rank for rank, i in enumerate(self._ids) if i not in self._client.ids]
        if failure is None and silent:
            return f"rank {silent[0]} no longer answers the controller"
        return failure

    @property
    def stage(self) -> str:
        """What those that have not answered yet are doing, in words."""
        return stages.in_words(stages.said(self.processes.folder), self.plan.ranks, self._answered)

    @property
    def busy(self) -> bool:
        """Whether a call is in flight."""
        return not all(call.done for call in self._calls)

    def ending(self) -> Iterator[None]:
        """Let go of the controller and end all processes; yields while it waits."""
        self._closed = True
        for call in self._calls:
            call.abandoned = True
        if self._client is not None:
            self._client.close(linger=0)
        yield from self.processes.ending()
        self._finalizer.detach()

    def _ask(self, i: int, function: Callable[..., Any], *arguments: Any) -> Future:
        return self._client[i].apply_async(function, *arguments)

    def _check(self, deadline: float, expected: str) -> None:
        if self._closed:
            raise ClusterError("start: expected to come up, but close() came first; call start() again")
        failure = self.processes.failure()
        late = f" within {self.plan.timeout:.0f} s; give a longer timeout=..."
        why = f", but {failure}" if failure is not None else late if time.monotonic() > deadline else ""
        if why:
            log = self.processes.log()
            said = [line for line in log.splitlines() if any(map(str.isalpha, line))][-SAID:]
            message = f"start: expected {expected}{why}; `pdekit doctor` looks for causes"
            raise ClusterError("\n".join([message, *said]), log)


def _alone(plan: Plan, size: int) -> str:
    return (
        f"MPI: expected one world of {plan.ranks} ranks, got a world of {size}, because {plan.mpiexec[0]} "
        "does not belong to the MPI library that mpi4py loads; give mpiexec=... or set PDEKIT_MPIEXEC to "
        "the one that does, or pip install mpich"
    )
