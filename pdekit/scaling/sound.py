"""What measured times have to fulfil before anything is fitted to them: rather no curve than a nonsense curve."""

import numpy as np

from pdekit import checks
from pdekit.scaling.measurement import Measurement, Trial

FALL = 0.8  # of a shorter message's seconds; less than that is neither noise nor MPI's change of algorithm
SCATTERS = 3.0  # that a fall may have on top


def check_seconds(measurement: Measurement) -> None:
    """ValueError for times that are not finite and above 0."""
    seconds = measurement.column("seconds").astype(float)
    wrong = ~(np.isfinite(seconds) & (seconds > 0))
    if wrong.any():
        which = measurement.trials[int(np.argmax(wrong))]
        raise checks.refuse(
            f"seconds of the {which.kind} on {which.ranks} ranks in round {which.round}",
            "a finite number above 0",
            which.seconds,
            "leave the trial out, or measure it again",
        )


def check_grow(measurement: Measurement) -> None:
    """ValueError for messages whose median times fall as they grow, by more than their scatter and a fifth."""
    scatter = scatter_of_rounds(measurement, "ranks", "bytes")
    for ranks, of in measurement.groups("ranks").items():
        groups = of.groups("bytes")
        sizes = [key[0] for key in groups]
        medians = np.array([np.median(group.column("seconds")) for group in groups.values()])
        longest = np.maximum.accumulate(medians)
        falls = medians / longest < FALL * np.exp(-SCATTERS * scatter)
        if falls.any():
            short = int(np.argmax(falls))
            before = int(np.argmax(medians[:short]))
            raise checks.refuse(
                f"seconds of allreduces on {ranks[0]} ranks",
                "times that grow with the bytes",
                f"{medians[before]:.3g} s for {sizes[before]} bytes and {medians[short]:.3g} s for {sizes[short]}",
                "measure again while nothing else runs: something else took that time",
            )


def scatter_of_rounds(measurement: Measurement, *names: str) -> float:
    """Standard deviation of the logarithm of seconds from one round to another, among trials with these fields equal.

    By the median of the absolute deviations, which a few bad rounds do not move; 0 where there is but one round.
    """
    logs = [np.log(group.column("seconds")) for group in measurement.groups(*names).values()]
    apart = [
        np.abs(some - np.median(some)) * np.sqrt(len(some) / (len(some) - 1))
        for some in logs
        if len(some) > 1
    ]
    return 1.4826 * float(np.median(np.concatenate(apart))) if apart else 0.0


def on_a_node(trial: Trial) -> int:
    """Ranks on the fullest of its machines."""
    return -(-trial.ranks // trial.nodes)
