"""The schedule that looks at the loss: the rate falls where the loss no longer does."""

import math
from dataclasses import dataclass

from pdekit import checks
from pdekit.optim.schedules import Schedule, share


@dataclass(frozen=True)
class Plateau(Schedule):
    """Times `by` where the loss has not fallen for more than `patience` epochs, and never below `least`.

    As `torch.optim.lr_scheduler.ReduceLROnPlateau`: a loss has fallen if it is below the best so far by more than
    `threshold` times that one's size. It is the mean over an epoch; another grid starts anew.
    """

    by: float = 0.3
    patience: int = 5
    threshold: float = 1e-3
    least: float = 1e-3

    def __post_init__(self) -> None:
        self.settled(
            by=share("by", self.by),
            patience=checks.whole("patience", self.patience, least=0),
            threshold=checks.fraction("threshold", self.threshold),
            least=checks.fraction("least", self.least),
        )

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """by^plateaus."""
        return max(self.by**plateaus, self.least)

    @property
    def plateau(self) -> "Plateau":
        """Itself."""
        return self


class Watch:
    """Counts the `plateaus` of losses that are shown to it one by one."""

    def __init__(self, plateau: Plateau) -> None:
        self.plateau, self.plateaus = plateau, 0
        self.forget()

    def forget(self) -> None:
        """Losses from now on are not to be compared with those so far."""
        self.best, self.waited = math.inf, 0

    def see(self, loss: float) -> None:
        """One more."""
        margin = self.plateau.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        if loss < self.best - margin:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.plateau.patience:
            self.plateaus, self.waited = self.plateaus + 1, 0
