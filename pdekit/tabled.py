"""Tables that come with pdekit: measured elsewhere, or published, each with its source in data/README.md."""

import csv
from pathlib import Path

import numpy as np

from pdekit import checks

PACKAGE = Path(__file__).parent
PLACES = (PACKAGE.parent / "data", PACKAGE / "tables")  # in a checkout, and in an installed package


def table(name: str | Path) -> dict[str, np.ndarray]:
    """The columns (rows,) of the table `name`, such as "optimizers", by their names: numbers, or words.

    Lines that start with "# " say where it comes from and are left out. ValueError if there is none of that name. A
    Path is that of a file of one's own, written by a benchmark.
    """
    path = name if isinstance(name, Path) else find("table", name, ".csv")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")]
    names, *rows = csv.reader(lines)
    return {name: _numbers(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def find(kind: str, name: str, suffix: str) -> Path:
    """The file `name` + `suffix` that comes with pdekit. ValueError, with the names there are, if there is none."""
    found = {one.stem: one for place in PLACES for one in place.glob(f"*{suffix}")}
    return found[checks.one_of(kind, name, tuple(sorted(found)))]


def _numbers(cells: tuple[str, ...]) -> np.ndarray:
    """float64 if all of them are numbers or empty, which is nan; words otherwise."""
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array(cells)
