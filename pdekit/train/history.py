"""What a run recorded: one row a step."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Step:
    """One optimizer step, as a rank saw it.

    `seconds` is training time since the start, `communication` the part of this step that was spent in messages,
    waiting for other ranks included, and `sent` the bytes that the rank handed over.
    """

    number: int
    loss: float
    seconds: float
    resolution: int
    rate: float
    gradient_norm: float
    communication: float
    evaluations: int
    sent: int = 0


class History:
    """The steps of a run, as columns: `history.loss`, `history.seconds`, ... are arrays of length `len(history)`."""

    def __init__(self, steps: list[Step] | None = None) -> None:
        self.steps = list(steps or [])

    def append(self, step: Step) -> None:
        """Add the next step."""
        self.steps.append(step)

    def __len__(self) -> int:
        return len(self.steps)

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in COLUMNS:
            raise AttributeError(f"a History has the columns {', '.join(COLUMNS)}, not {name!r}")
        return np.array([getattr(step, name) for step in self.steps])


COLUMNS = tuple(f.name for f in fields(Step))
