"""Learning-rate schedules: the factor on the rate as a function of progress, from 0 (first step) to 1 (end)."""

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
}
