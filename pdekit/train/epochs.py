"""Which epoch a step belongs to, where the batch may grow from one epoch to the next."""

from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """Step number `within` (from 0 on) of the `steps` of an epoch (from 0 on) with this global batch."""

    epoch: int
    within: int
    batch: int
    steps: int


@dataclass(frozen=True)
class Epochs:
    """Each goes once through all `samples`; the first in batches of `batch`, the next in `growth` times larger ones."""

    samples: int
    batch: int
    growth: float = 1.0

    def place(self, step: int) -> Place:
        """That of step number `step` (from 1 on): it follows from the number alone, so that a run can be resumed."""
        epoch, within, batch = 0, step - 1, self.batch
        while True:
            steps = -(-self.samples // batch)
            if self.growth == 1 or batch == self.samples:
                return Place(epoch + within // steps, within % steps, batch, steps)
            if within < steps:
                return Place(epoch, within, batch, steps)
            within, epoch = within - steps, epoch + 1
            batch = round(min(self.batch * self.growth**epoch, self.samples))
