"""Fields from pictures: grey values as a coefficient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdekit import checks
from pdekit.pde.fields.files import Entry, Files, optional

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = ("I;16", "I;16L", "I;16B")  # Pillow's names of 16-bit greyscale
UNKNOWN = ("I", "F")  # no telling what is white


@dataclass(frozen=True)
class Images(Files):
    """The greyscale values of a picture, or of a folder of pictures (.png, .jpg): black is `low`, white is `high`.

    In between, `low (high / low)^grey` with grey in [0, 1]. The picture is stretched over the unit square, its bottom
    row at y = 0, and values are linear between the centres of its pixels. `path` is kept as given: a relative one
    starts at the working directory of each process. The last `held_out` pictures, by name, are never trained on (None:
    one in eight, one at least if there are two or more). ValueError if there is no picture, or one cannot be read.
    """

    path: str
    low: float = 0.1
    high: float = 10.0
    held_out: int | None = None

    suffixes = (".png", ".jpg", ".jpeg")

    def __post_init__(self) -> None:
        checks.settle(self, low=checks.positive("low", self.low), high=checks.positive("high", self.high))
        self.settle_files()

    @property
    def positive(self) -> bool:
        """True: between two positive numbers."""
        return True

    def entries(self, file: str) -> list[Entry]:
        """The one picture in `file`."""
        with _picture(file) as picture:
            if picture.mode in UNKNOWN:
                raise checks.refuse(
                    file, "8 or 16 bits per pixel", f"mode {picture.mode}", "convert it to 8 bits"
                )
            return [Entry(file, picture.size[::-1])]

    def read(self, file: str, entries: Sequence[Entry]) -> Iterator[np.ndarray]:
        """The values of the pixels (H, W), bottom row first, turned as a camera asks for (EXIF)."""
        for _ in entries:
            yield self.low * (self.high / self.low) ** _grey(file)[::-1]


def _grey(file: str) -> np.ndarray:
    """The grey values of the picture in `file`, upright, in [0, 1]: (H, W); ValueError if they cannot be read."""
    turn = optional("PIL.ImageOps", "Pillow").exif_transpose
    with _picture(file) as picture:
        try:
            upright = turn(picture)
        except OSError as error:
            raise checks.refuse(file, "a whole picture", str(error), "save it again") from error
    if upright.mode in DEEP:
        return np.asarray(upright, dtype=np.float64) / 65535
    return np.asarray(upright.convert("L"), dtype=np.float64) / 255


def _picture(file: str) -> "Image":
    """The opened picture in `file`, its header read; ValueError if it is none."""
    pillow = optional("PIL.Image", "Pillow")
    try:
        return pillow.open(file)
    except OSError as error:
        raise checks.refuse(file, "a picture", str(error), "save it again, or leave it out") from error
