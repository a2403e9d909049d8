"""A table of numbers in a file: CSV as every program reads it, or Parquet through pyarrow.

pyarrow is the reference implementation of Parquet, needs no other package, and is what pandas itself reads with.
"""

import csv
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from pdekit import checks
from pdekit.pde.fields.files import optional

WHOLE = "give one that History.save wrote, whole"
PREFIX = "pdekit."  # of the metadata of a Parquet schema, where pandas has some of its own


class Table(NamedTuple):
    """Columns (rows,) by name, and words about them; read from a file, NaN stands for a masked number."""

    columns: dict[str, np.ndarray | np.ma.MaskedArray]
    about: dict[str, str]


class Csv:
    """Lines "# key: value", the names of the columns, the numbers: a masked one is an empty cell."""

    def check(self) -> None:
        """Nothing is needed."""

    def write(self, path: Path, table: Table) -> None:
        """`repr` of a float is the shortest text that reads back as the same bits."""
        columns = [values.tolist() for values in table.columns.values()]
        with path.open("w", newline="", encoding="utf-8") as file:
            file.writelines(f"# {key}: {value}\n" for key, value in table.about.items())
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(table.columns)
            rows.writerows(["" if x is None else repr(x) for x in row] for row in zip(*columns, strict=True))

    def read(self, path: Path) -> Table:
        """ValueError for what is not such a table, or ends in the middle of a line."""
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise checks.refuse(str(path), "text", str(error), WHOLE) from error
        lines = text.splitlines()
        said = [line for line in lines if line.startswith("# ")]
        about = {key: value for key, _, value in (line[2:].partition(": ") for line in said)}
        names, *rows = list(csv.reader(lines[len(said) :])) or [[]]
        numbers = np.empty((len(rows), len(names)))
        for line, (row, into) in enumerate(zip(rows, numbers, strict=True), start=len(said) + 2):
            try:
                into[:] = [float(cell or "nan") for cell in row]
            except ValueError as error:
                raise checks.refuse(f"{path}, line {line}", "numbers", ",".join(row), WHOLE) from error
        if not text.endswith("\n"):
            raise checks.refuse(str(path), "a last line that ends", lines[-1] if lines else "", WHOLE)
        return Table(dict(zip(names, numbers.T, strict=True)), about)


class Parquet:
    """Numbers in their own types, a masked one as null; the words are metadata of the schema."""

    def check(self) -> ModuleType:
        """pyarrow.parquet; ModuleNotFoundError with what to do where it is not installed."""
        return optional("pyarrow.parquet", "pyarrow", "a history in Parquet", "history")

    def write(self, path: Path, table: Table) -> None:
        """One row group for each million rows, compressed (Snappy): pyarrow's defaults."""
        parquet = self.check()
        import pyarrow

        about = {PREFIX + key: value for key, value in table.about.items()}
        made = pyarrow.table({name: pyarrow.array(values) for name, values in table.columns.items()})
        parquet.write_table(made.replace_schema_metadata(about), path)

    def read(self, path: Path) -> Table:
        """ValueError for a file that is not Parquet, or not whole."""
        parquet = self.check()
        import pyarrow

        try:
            found = parquet.ParquetFile(path).read()
        except (pyarrow.ArrowException, OSError) as error:
            raise checks.refuse(str(path), "a Parquet file", str(error), WHOLE) from error
        about = {key.decode(): value.decode() for key, value in (found.schema.metadata or {}).items()}
        columns = {name: found[name].to_numpy() for name in found.column_names}
        return Table(columns, {key.removeprefix(PREFIX): value for key, value in about.items()})


FORMATS = {".csv": Csv(), ".parquet": Parquet()}
"""By the suffix of the file."""
