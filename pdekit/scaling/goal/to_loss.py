"""Time and money to a given loss: the steps and messages of an optimizer on any number of ranks and any network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from pdekit.scaling.arguments import whole_numbers
from pdekit.scaling.fitted.steps import Steps
from pdekit.scaling.goal.cost import Cost, dollars
from pdekit.scaling.link import Network


class Priced(Network, Protocol):
    """A network of nodes that cost something: a machine of the table."""

    price: float | None  # of a node for an hour; None where it is not public
    per_node: int  # ranks on a node


@dataclass(frozen=True)
class Offer:
    """So many ranks of a machine reach the loss in so many seconds, for so much money."""

    machine: str
    ranks: int
    seconds: float
    money: float


def time_to_loss(
    cost: Cost,
    ranks: ArrayLike,
    network: Network,
    steps: Steps | None = None,
    resolution: int | None = None,
    optimizer: str | None = None,
) -> np.ndarray:
    """Seconds until the loss is reached that `cost` was measured to, of the shape of `ranks`; inf if it never was.

    Computing is `cost.seconds` of one core, shared out: the rank with ceil(batch / P) samples is waited for. With
    `steps` a rank's share is what it predicts, fixed part and crowded cores included, at this resolution and with that
    optimizer's cost of a sample. Each message is an allreduce of the mean size; those of batch norms are in it if they
    were there when `cost` was measured. A core is taken to be as fast on every machine as the one that measured.
    ValueError for ranks that are no whole numbers from 1 on, and as `network` and `steps` do.
    """
    p = whole_numbers("ranks", ranks)
    if not math.isfinite(cost.seconds):
        return np.full(p.shape, math.inf)
    share = np.ceil(cost.batch / p) / cost.batch
    if steps is not None:
        batches = np.r_[1.0, p.ravel()]
        parts = steps.predict(batches, cost.batch, resolution, network, optimizer)
        busy = parts.compute + parts.waiting
        share = (busy[1:] / busy[0]).reshape(p.shape)
    each = cost.bytes / cost.messages if cost.messages else 0.0
    return cost.seconds * share + cost.messages * network.allreduce(each, p)


def offers(
    cost: Cost,
    machines: Mapping[str, Priced],
    ranks: ArrayLike = tuple(2**k for k in range(13)),
    steps: Steps | None = None,
    **settings: object,
) -> list[Offer]:
    """Of every machine with a price and every number of ranks what it takes, the cheapest first, then the quickest.

    Whole nodes are paid for, by the second. No offers if the loss is never reached. ValueError as `time_to_loss`.
    """
    found = []
    for name, machine in machines.items():
        if machine.price is None:
            continue
        p = np.atleast_1d(np.asarray(ranks, dtype=int))
        seconds = time_to_loss(cost, p, machine, steps, **settings)
        money = dollars(machine, p, seconds)
        for row in zip(p.tolist(), seconds.tolist(), money.tolist(), strict=True):
            found.append(Offer(name, *row))
    return sorted((o for o in found if math.isfinite(o.seconds)), key=lambda o: (o.money, o.seconds))


def cheapest(
    cost: Cost,
    machines: Mapping[str, Priced],
    within: float = math.inf,
    ranks: ArrayLike = tuple(2**k for k in range(13)),
    steps: Steps | None = None,
    **settings: object,
) -> Offer | None:
    """The cheapest of the `offers` that takes no longer than `within` seconds; None if there is none."""
    return next((o for o in offers(cost, machines, ranks, steps, **settings) if o.seconds <= within), None)
