"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdekit import checks

Place = str | os.PathLike[str]


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A hidden path next to `path` to write to: it takes its name at the end, and is gone after an error."""
    other = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield other
        with other.open("rb") as file:
            os.fsync(file.fileno())  # the name must not come before the bytes
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)


def check_place(name: str, path: Place) -> Path:
    """`path` if a file can be written there; ValueError otherwise."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise checks.refuse(name, "the path of a file to write", path, "give it as text")
    place = Path(path)
    if place.is_dir() or not place.parent.is_dir() or not os.access(place.parent, os.W_OK):
        expected = "a file in a folder that can be written"
        raise checks.refuse(name, expected, str(path), "make the folder first")
    return place
