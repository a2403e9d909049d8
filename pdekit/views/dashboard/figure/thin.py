"""No more numbers than the page can show."""

import numpy as np

COARSE = (1, 2, 5, 10)
FINE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)  # each at most half as far again as the one before


def round_up(value: float, digits: tuple[float, ...] = COARSE) -> float:
    """The next of `digits` times a power of ten: a colour bar, or an axis, that seldom changes."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-12)))
    return float(next(digit * power for digit in digits if digit * power >= value))


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the values along each axis, both ends among them."""
    for axis, size in enumerate(values.shape):
        if size > most:
            values = values.take(np.linspace(0, size - 1, most).round().astype(int), axis=axis)
    return values
