"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pdekit import checks


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to; it takes the place of `path` when all went well."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def check_place(name: str, path: Path) -> Path:
    """`path` if a file can be written there; ValueError otherwise."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        expected, remedy = "a file in a folder that can be written", "make the folder first"
        raise checks.refuse(name, expected, str(path), remedy)
    return path
