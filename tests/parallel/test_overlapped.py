"""Buckets that travel during backward: when they leave, and that they are moved on. Their sums: see tests/ranks."""

import numpy as np
import pytest
import torch
from torch import nn

from pdekit.parallel import Serial, reduction
from pdekit.parallel.comm import Comm
from pdekit.parallel.reduction import Overlapped


class Watched(Serial):
    """Writes down what happens to each message, by its number."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def start_allreduce(self, array: np.ndarray) -> "Message":
        number = sum(what == "start" for what, _ in self.log)
        self.log.append(("start", number))
        return Message(self.log, number)


class Message:
    def __init__(self, log: list[tuple[str, int]], number: int) -> None:
        self._log, self._number = log, number

    def poke(self) -> None:
        self._log.append(("poke", self._number))

    def wait(self) -> None:
        self._log.append(("wait", self._number))


def build(comm: Comm) -> nn.Module:
    return nn.Sequential(*[nn.Linear(4, 4, bias=False) for _ in range(3)])


def test_buckets_under_way_are_moved_on_while_backward_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three layers, a bucket each. Fails without poking: MPI then stands still until it is waited for."""
    monkeypatch.setattr(reduction, "BUCKET", 4 * 4 * 4)
    comm = Watched()
    overlapped = Overlapped(build, comm)
    overlapped.evaluate(lambda k: overlapped.modules[k](torch.ones(1, 4)).sum(), overlapped.x)
    assert comm.log == [
        ("start", 0),
        ("poke", 0),
        ("start", 1),
        ("poke", 0),
        ("poke", 1),
        ("start", 2),
        ("wait", 0),
        ("wait", 1),
        ("wait", 2),
    ]
