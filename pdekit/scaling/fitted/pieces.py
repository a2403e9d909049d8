"""A link whose latency and seconds per byte change with the size of the message, and the allreduce that goes over it.

Real MPI changes its ways with the size: it sends short messages at once and asks before it sends long ones, takes
another algorithm for them, and they leave the caches. So the link takes `latency(n)` for a round and `transfer(n)` for
the bytes of a message. Both grow with n: the latency by a step at each of some sizes, the transfer by so many seconds
for each byte between two of them. With one piece this is the alpha-beta model; adding up the numbers is in the bytes.

More ranks than cores take turns: each round then waits for ranks that have none, longer the more there are.
"""

from dataclasses import dataclass, replace

import numpy as np

from pdekit.scaling.allreduce import COUNTS
from pdekit.scaling.fitted.least_squares import relative

SINGULAR = 1e8


@dataclass(frozen=True)
class Form:
    """Which algorithm goes over the link, below and from `switch` bytes on, and the sizes where its pieces meet."""

    below: str
    above: str
    switch: float = 0.0
    knots: tuple[float, ...] = ()
    cores: float = np.inf

    @property
    def name(self) -> str:
        """In words."""
        if self.switch == 0:
            return self.above
        return f"{self.below} below {self.switch:.0f} bytes, {self.above} from there"

    def counts(self, bytes: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rounds, and how many times its size a message is moved: (n,) each."""
        rounds, moved = COUNTS[self.above](ranks)[:2]
        if self.switch == 0:
            return rounds, moved
        few, often = COUNTS[self.below](ranks)[:2]
        short = bytes < self.switch
        return np.where(short, few, rounds), np.where(short, often, moved)

    def columns(self, bytes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """(n, 2 pieces + 1): what a unit of each coefficient adds: latencies, bytes between two knots, a turn."""
        rounds, moved = self.counts(bytes, ranks)
        starts, n = np.array([0.0, *self.knots]), bytes[:, None]
        ends = np.array([*self.knots, np.inf])
        steps = rounds[:, None] * (n >= starts)
        between = moved[:, None] * np.clip(n - starts, 0, ends - starts)
        turns = rounds * np.maximum(0, ranks / self.cores - 1)
        return np.hstack([steps, between, turns[:, None]])

    def with_knot(self, knot: float) -> "Form":
        """One more piece."""
        return replace(self, knots=tuple(sorted((*self.knots, knot))))

    def between(self, sizes: np.ndarray) -> "tuple[Form, Form]":
        """The same where all that changes does so just above the nearest of the `sizes` below, and at that above.

        Where between two measured sizes that is, is not known.
        """

        def moved(edge: float, up: bool) -> float:
            if edge == 0:
                return 0.0
            return float(
                sizes[sizes >= edge].min() if up else np.nextafter(sizes[sizes < edge].max(), np.inf)
            )

        return tuple(
            replace(self, switch=moved(self.switch, up), knots=tuple(moved(k, up) for k in self.knots))
            for up in (False, True)
        )


@dataclass(frozen=True)
class Piecewise:
    """A form with its coefficients (2 pieces + 1,), none below 0, and their covariance."""

    form: Form
    coefficients: np.ndarray
    covariance: np.ndarray

    @classmethod
    def fitted(cls, form: Form, bytes: np.ndarray, ranks: np.ndarray, seconds: np.ndarray) -> "Piecewise":
        """Least squares of relative errors: bytes, ranks, seconds (n,)."""
        coefficients, columns, errors, trust = relative(form.columns(bytes, ranks), seconds)
        columns, errors = columns * trust[:, None], errors * trust
        used = coefficients > 0
        freedom = max(1, len(seconds) - int(used.sum()))
        covariance = np.zeros((len(coefficients),) * 2)
        normal = columns[:, used].T @ columns[:, used]
        covariance[np.ix_(used, used)] = np.linalg.pinv(normal, hermitian=True) * (errors @ errors / freedom)
        scale = np.where(used, coefficients, 1.0)
        return cls(form, coefficients, covariance * np.outer(scale, scale))

    def seconds(self, bytes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Of an allreduce: (n,)."""
        return self.form.columns(bytes, ranks) @ self.coefficients

    def uncertainty(self, bytes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Standard deviation (n,) of the logarithm of `seconds` from that of the coefficients; nan on one rank."""
        columns = self.form.columns(bytes, ranks)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.einsum("ij,jk,ik->i", columns, self.covariance, columns)) / (
                columns @ self.coefficients
            )

    def transfer(self, bytes: float) -> float:
        """Seconds that the bytes of a message of this size take."""
        pieces = len(self.form.knots) + 1
        edges = np.array([0.0, *self.form.knots, np.inf])
        return float(np.clip(bytes - edges[:-1], 0, np.diff(edges)) @ self.coefficients[pieces:-1])


def held_out_error(form: Form, bytes: np.ndarray, ranks: np.ndarray, seconds: np.ndarray) -> float:
    """Mean of the relative errors at each size, and at each world size, by a fit without it.

    By the linear algebra of least squares (Allen's PRESS, of blocks), without a new fit. The smallest and the largest
    size count with their plain errors: without them, a fit has to guess. Infinite where one size alone, or one world
    size, decides a coefficient.
    """
    coefficients, columns, errors, trust = relative(form.columns(bytes, ranks), seconds)
    basis = np.linalg.qr((trust[:, None] * columns)[:, coefficients > 0])[0]
    found = []
    for of in (bytes, ranks):
        values = np.unique(of)
        for value in values if len(values) > 1 else ():
            group = of == value
            mine = trust[group] * errors[group]
            if of is ranks or values[0] < value < values[-1]:
                left = np.eye(len(mine)) - basis[group] @ basis[group].T
                if np.linalg.cond(left) > SINGULAR:
                    return np.inf
                mine = np.linalg.solve(left, mine)
            found.append(mine / trust[group])
    return float(np.mean(np.abs(np.concatenate(found))))
