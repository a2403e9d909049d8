"""Runs the lessons and keeps what they show, as small static pictures and without widget state.

    python .make/lessons.py [NOTEBOOK ...]

Pictures are made by kaleido, which needs a Chromium. A lesson is written beside itself and then renamed.
"""

import os
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def run(path: Path) -> None:
    """Execute the lesson at `path` and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
            for out in cell.outputs:
                if "image/png" in out.get("data", {}):  # the picture alone
                    out.data = {"image/png": out.data["image/png"]}
    beside = path.with_suffix(".beside")
    nbformat.write(notebook, beside)
    os.replace(beside, path)


if __name__ == "__main__":
    os.environ["PLOTLY_RENDERER"] = "png"
    os.environ.setdefault("BROWSER_PATH", shutil.which("chromium") or "")
    for lesson in map(Path, sys.argv[1:] or sorted(LESSONS.glob("[0-9]*.ipynb"))):
        run(lesson)
