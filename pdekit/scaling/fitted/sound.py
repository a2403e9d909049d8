"""What measured times have to fulfil before anything is fitted to them: rather no curve than a nonsense curve."""

from itertools import combinations

import numpy as np

from pdekit import checks
from pdekit.scaling.measurement import Measurement, Trial

FALL = 0.7  # of a shorter message's seconds; less than that is no change of MPI's algorithm


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
    """ValueError for messages of which all rounds took longer, by more than `FALL`, than any of a longer message."""
    for ranks, of in measurement.groups("ranks").items():
        groups = {key[0]: group.column("seconds") for key, group in of.groups("bytes").items()}
        for (short, first), (long, second) in combinations(groups.items(), 2):
            if second.max() < FALL * first.min():
                raise checks.refuse(
                    f"seconds of allreduces on {ranks[0]} ranks",
                    "times that grow with the bytes",
                    f"{first.min():.3g} s and more for {short} bytes, {second.max():.3g} s and less for {long}",
                    "measure again while nothing else runs: something else took that time",
                )


def on_a_node(trial: Trial) -> int:
    """Ranks on the fullest of its machines."""
    return -(-trial.ranks // trial.nodes)
