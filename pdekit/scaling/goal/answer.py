"""The fitted model on another network, with more ranks: speed-up, parts of a step, time and money to a loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.fitted.fit import Model
from pdekit.scaling.fitted.prediction import Prediction
from pdekit.scaling.fitted.steps import Steps
from pdekit.scaling.goal.cost import HOUR, Cost, dollars
from pdekit.scaling.goal.to_loss import time_to_loss
from pdekit.scaling.link import Network

RANKS = tuple(2**k for k in range(13))


@dataclass(frozen=True)
class Answer:
    """What would be on `ranks` (n,): all arrays are (n,), `low` and `high` hold the speed-up with chance 90 %.

    `step` has the seconds of a step and its parts; `to_loss` those to the loss, inf where it is never reached and nan
    where nobody measured what it takes; `dollars` what that costs, nan without a price.
    """

    ranks: np.ndarray
    step: Prediction
    speedup: np.ndarray
    low: np.ndarray
    high: np.ndarray
    to_loss: np.ndarray
    dollars: np.ndarray

    @property
    def efficiency(self) -> np.ndarray:
        """Speed-up by ranks."""
        return self.speedup / self.ranks

    @property
    def core_hours(self) -> np.ndarray:
        """Of all ranks, to the loss."""
        return self.ranks * self.to_loss / HOUR


def steps_of(model: Model) -> Steps:
    """What was fitted of the steps. ValueError if nothing was."""
    if model.steps is None:
        raise checks.refuse("model", "one with steps", "messages only", "measure steps with `pdekit scale`")
    return model.steps


def what_if(
    model: Model,
    batch: int,
    network: Network | None = None,
    *,
    ranks: ArrayLike = RANKS,
    resolution: int | None = None,
    optimizer: str | None = None,
    cost: Cost | None = None,
) -> Answer:
    """Train with a global `batch` on `ranks` (n,) over `network`: a machine of `pk.machines()`, None the one measured.

    The speed-up is over one rank, with the whole work fixed. resolution, optimizer: those of the steps (default: the
    finest, the first that was measured). cost: what an optimizer takes to a loss with this batch, of `pk.costs`.

    Raises ValueError without steps in the model, for a cost of another batch, and as `model.steps.predict`.
    """
    steps = steps_of(model)
    batch = checks.whole("batch", batch)
    if cost is not None and cost.batch != batch:
        raise checks.refuse("cost", f"one of batch {batch}", cost.batch, f"give batch={cost.batch}")
    p = np.atleast_1d(np.asarray(ranks))
    with_one = np.concatenate([[1], p])
    settings = {"resolution": resolution, "network": network, "optimizer": optimizer}
    step = steps.predict(with_one, batch, **settings)
    alone = step.seconds[0]
    step = Prediction(*(getattr(step, name)[1:] for name in Prediction.__dataclass_fields__))
    to_loss = np.full(len(p), np.nan)
    if cost is not None:
        carrier = model.messages if network is None else network
        to_loss = time_to_loss(cost, p, carrier, steps, resolution, optimizer)
    return Answer(
        p,
        step,
        alone / step.seconds,
        alone / step.high,
        alone / step.low,
        to_loss,
        dollars(network, p, to_loss),
    )
