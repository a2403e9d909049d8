"""What an allreduce costs here, fitted to measured ones: with a band, between and beyond what was measured."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.allreduce import ALGORITHMS, COUNTS
from pdekit.scaling.arguments import sizes, whole_numbers
from pdekit.scaling.fitted.pieces import Form, Piecewise, held_out_error
from pdekit.scaling.fitted.scatter import Scatter, doublings, doublings_outside
from pdekit.scaling.fitted.sound import check_grow, check_seconds
from pdekit.scaling.link import Link
from pdekit.scaling.measurement import Measurement

SIZES = 4  # of messages at least: a latency, a bandwidth, and two to see whether they hold
WORTH = 1.05  # how much lower the error has to be for one number more in the model; a piece has two
SHORT = "recursive doubling"  # what MPI libraries take for short messages
AS_GOOD = 1.25  # times the best: what cannot be told from it


@dataclass(frozen=True)
class Messages:
    """A fitted `Network`: `fits` are the best and those that cannot be told from it, `scatter` that of the best.

    `bytes` and `ranks` are those of the allreduces that it was fitted to, `sending` the seconds for each byte of the
    longest ping-pong; 0 if there was none.
    """

    fits: tuple[Piecewise, ...]
    scatter: Scatter
    bytes: np.ndarray
    ranks: np.ndarray
    sending: float = 0.0

    @property
    def algorithm(self) -> str:
        """That of the best fit, in words. It is what the times look like, not what was read from the MPI library."""
        return self.fits[0].form.name

    @property
    def link(self) -> Link:
        """The latency of a round of the shortest messages, and the bandwidth of one of the largest size.

        What it takes to add up the numbers is what the ping-pong of that size does not take; without ping-pongs it is
        in the bandwidth.
        """
        best, ranks = self.fits[0], self.ranks.max(keepdims=True)
        least, most = self.bytes.min(keepdims=True), float(self.bytes.max())
        few = self.ranks.min(keepdims=True)  # that take no turns
        latency = best.seconds(least, few) / best.form.counts(least, few)[0]
        whole = float(best.seconds(np.array([most]), ranks)[0])
        each = (
            max(best.transfer(most), 1e-3 * whole) / most
        )  # where the times do not show the bytes: not more than that
        sent = min(each, self.sending or each)
        _, moved, added = COUNTS[best.form.above](ranks)
        return Link(float(latency[0]), 1 / sent, (each - sent) * float(moved[0] / added[0]))

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike) -> np.ndarray:
        """Seconds of an allreduce of `bytes` on `ranks` ranks, broadcast against each other; 0 on one rank.

        ValueError for another world size where only one was measured.
        """
        n, p = self._checked(bytes, ranks)
        return self.fits[0].seconds(n.ravel(), p.ravel()).reshape(n.shape)

    def band(self, bytes: ArrayLike, ranks: ArrayLike, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """(low, high) seconds between which a new measurement lies with chance `level`.

        Within what was measured by the errors of fits without a size, or without a world size. Beyond it, as much again
        for each doubling (errors that add up at random), the uncertainty of the coefficients, and around all fits that
        are as good. Between two sizes where MPI changes its ways, around both. ValueError as `allreduce`, and for a
        level outside (0, 1).
        """
        n, p = self._checked(bytes, ranks)
        shape, n, p = n.shape, n.ravel(), p.ravel()
        outside = doublings_outside(n, self.bytes) + doublings_outside(p, self.ranks)
        outside[p == 1] = 0
        at, lows, highs = doublings(n), [], []
        for fit in self.fits:
            unsure = np.where(outside > 0, np.nan_to_num(fit.uncertainty(n, p)), 0)
            low, high = self.scatter.limits(
                level, at, np.hypot(unsure, self.scatter.size(at) * np.sqrt(outside))
            )
            for form in (fit.form, *fit.form.between(self.bytes)):
                seconds = replace(fit, form=form).seconds(n, p)
                lows.append(seconds * low), highs.append(seconds * high)
        return np.min(lows, axis=0).reshape(shape), np.max(highs, axis=0).reshape(shape)

    def _checked(self, bytes: ArrayLike, ranks: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        n, p = np.broadcast_arrays(sizes(bytes), whole_numbers("ranks", ranks))
        if len(np.unique(self.ranks)) == 1 and not np.isin(p, (1, self.ranks[0])).all():
            raise checks.refuse(
                "ranks",
                f"1 or {self.ranks[0]:.0f}, the one world size whose messages were measured",
                ranks,
                "measure a second world size, or give a network",
            )
        return n, p


def fit_messages(measurement: Measurement, cores: int | None = None) -> Messages:
    """Fit the allreduces of a measurement on two ranks or more.

    `cores` are those of the machine that all ranks share, where that is so: more ranks take turns on them.

    How the times depend on the number of ranks, the algorithms of `scaling.allreduce` tell: the one that fits best, or
    recursive doubling below some size and another from there. How they depend on the size, by latency and bandwidth,
    in as many pieces (`scaling.pieces`) as lower the error at sizes and world sizes that are left out.

    ValueError where there are fewer than 4 sizes or no allreduces, for times that are not finite and above 0, and for
    times that fall as the messages grow.
    """
    several = Measurement([t for t in measurement.of("allreduce").trials if t.ranks > 1], measurement.machine)
    if len(set(several.column("bytes"))) < SIZES:
        raise checks.refuse(
            "measurement",
            f"allreduces of at least {SIZES} sizes on two ranks or more",
            f"{len(set(several.column('bytes')))} sizes",
            "measure more, from a few bytes to the gradient's",
        )
    check_seconds(several), check_grow(several)
    groups = several.groups("bytes", "ranks").items()
    sizes, ranks = (np.array([key[k] for key, _ in groups], float) for k in (0, 1))
    medians = np.array([np.median(group.column("seconds")) for _, group in groups])
    candidates = {}
    for name in ALGORITHMS:
        form, worth = _best_form(Form(name, name, cores=cores or np.inf), sizes, ranks, medians)
        candidates[form] = worth
    least = min(candidates.values())
    good = sorted((form for form in candidates if candidates[form] <= AS_GOOD * least), key=candidates.get)
    if len(np.unique(ranks)) == 1:
        good = good[:1]  # one world size does not tell them apart, and nothing else is predicted
    fits = tuple(Piecewise.fitted(form, sizes, ranks, medians) for form in good)
    return Messages(
        fits, _scatter(several, fits[0], sizes, ranks, medians), sizes, ranks, _sending(measurement)
    )


def _sending(measurement: Measurement) -> float:
    """Seconds for each byte of the longest ping-pong, less those of the shortest, which are its latency."""
    found = measurement.of("ping-pong")
    check_seconds(found)
    medians = {key[0]: float(np.median(of.column("seconds"))) for key, of in found.groups("bytes").items()}
    if len(medians) < 2:
        return 0.0
    shortest, longest = min(medians), max(medians)
    return max(0.0, medians[longest] - medians[shortest]) / (longest - shortest)


def _best_form(form: Form, sizes: np.ndarray, ranks: np.ndarray, seconds: np.ndarray) -> tuple[Form, float]:
    """From one piece of an algorithm on, the change that is worth most, while there is one; and what it comes to."""
    distinct = np.unique(sizes)
    between = np.sqrt(distinct[1:] * distinct[:-1])

    def worth(form: Form) -> float:
        numbers = 2 * len(form.knots) + (form.switch > 0)
        return held_out_error(form, sizes, ranks, seconds) * WORTH**numbers

    most, found = (len(distinct) - 1) // 3, worth(form)
    while True:
        changed = [form.with_knot(knot) for knot in between if knot not in form.knots]
        changed = changed if len(form.knots) < most else []
        if form.switch == 0 and form.above != SHORT and len(np.unique(ranks)) > 1:
            changed += [replace(form, below=SHORT, switch=switch) for switch in between]
        worths = [worth(other) for other in changed]
        if not worths or min(worths) >= found:
            return form, found
        form, found = changed[int(np.argmin(worths))], min(worths)


def _scatter(
    several: Measurement, best: Piecewise, sizes: np.ndarray, ranks: np.ndarray, medians: np.ndarray
) -> Scatter:
    """Of every trial against fits without its size, and without its world size; `held_out_error` says which."""
    n, p, seconds = (several.column(name).astype(float) for name in ("bytes", "ranks", "seconds"))
    logs, at = [], []
    for known, of in ((sizes, n), (ranks, p)):
        values = np.unique(known)
        for value in values if len(values) > 1 else ():
            rest, mine = known != value, of == value
            inside = known is ranks or values[0] < value < values[-1]
            fit = Piecewise.fitted(best.form, sizes[rest], ranks[rest], medians[rest]) if inside else best
            logs.append(np.log(seconds[mine] / fit.seconds(n[mine], p[mine])))
            at.append(doublings(n[mine]))
    return Scatter(np.concatenate(logs), np.concatenate(at))
