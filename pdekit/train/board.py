"""A history in TensorBoard's files, as it grows.

Through tensorboardX, which writes them with protobuf alone: torch's writer needs the whole of TensorBoard (30 MB and
gRPC) where the training runs. To look at them, have TensorBoard anywhere: `tensorboard --logdir FOLDER`.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from pdekit.pde.fields.files import optional
from pdekit.train.ranks import SHOWN

if TYPE_CHECKING:
    from types import ModuleType

    from pdekit.train.history import History

SCALARS = ("loss", "gradient_norm", "rate", "resolution")


def check() -> "ModuleType":
    """The module that writes; ModuleNotFoundError with what to do where it is not installed."""
    return optional("tensorboardX", "tensorboardX", "TensorBoard's files", "history")


class Board:
    """Writes to `folder`; `write` may be called again and again while a history grows.

    Scalars against the number of the step: loss, gradient_norm, rate, resolution, and seconds and bytes of every
    rank, such as waiting/rank_1, of the steps that are gathered. TensorBoard's relative time is seconds of training.
    """

    def __init__(self, folder: str | Path) -> None:
        self._writer = check().SummaryWriter(str(folder))
        self._steps = self._ranks = 0  # written so far
        self._start: float | None = None  # the time of day at which the training would have started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, history: "History") -> None:
        """Add what is new in `history`."""
        steps = history.steps
        if self._start is None and steps:
            self._start = time.time() - steps[-1].seconds
            self._writer.add_text("experiment", history.experiment)
        for step in steps[self._steps :]:
            for name in SCALARS:
                self._add(name, getattr(step, name), step.number, step.seconds)
        ranks = history.ranks_from(self._ranks)
        known = history.gathered if history.size > 1 else len(history)
        columns = {name: getattr(ranks, name) for name in SHOWN}
        for place, step in enumerate(steps[self._ranks : known]):
            for name, values in columns.items():
                for rank in np.flatnonzero(np.isfinite(values[place])):
                    self._add(f"{name}/rank_{rank}", values[place, rank], step.number, step.seconds)
        self._steps, self._ranks = len(steps), max(known, self._ranks)
        self._writer.flush()

    def _add(self, tag: str, value: float, number: int, seconds: float) -> None:
        self._writer.add_scalar(tag, value, number, walltime=self._start + seconds)
