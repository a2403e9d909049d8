"""A trained generator in a file of its own: safetensors, which holds numbers and text and can run nothing.

It has a checksum, see `seal`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import safetensors
import torch
from safetensors import SafetensorError
from safetensors.torch import save as packed
from torch import Tensor

import pdekit
from pdekit import checks
from pdekit.beside import Place, beside, check_place
from pdekit.code import Words
from pdekit.parallel.agree import together
from pdekit.train.experiment import Experiment
from pdekit.train.seal import NOTE, damage, seal

if TYPE_CHECKING:
    from pdekit.train.predictor import Predictor

FORMAT = "pdekit-generator"
NUMBER = 2  # of the format: raised when an older pdekit could not read it any more
NOTES = ("experiment", "generator", "dim", "steps", "loss", "pdekit", "torch")
MANY = 6  # names that an error lists


class Saved(NamedTuple):
    """What is in a file: its notes, and the tensors of `generator.state_dict()` by name."""

    path: str
    notes: dict[str, str]
    tensors: dict[str, Tensor]

    def experiment(self, code: bool) -> Experiment:
        """The run that it comes from. ValueError for one with functions of somebody's own, unless `code`."""
        return Experiment.parse(self.notes["experiment"], code)

    def refuse_other_names(self, ours: dict[str, Tensor]) -> None:
        """ValueError unless the tensors have the names of `ours`."""
        differences = {
            "without": [name for name in ours if name not in self.tensors],
            "with": [name for name in self.tensors if name not in ours],
        }
        told = [
            f"{what} {', '.join(names[:MANY])}{', ...' if len(names) > MANY else ''}"
            for what, names in differences.items()
            if names
        ]
        if told:
            expected = f"the {len(ours)} tensors of its generator"
            raise checks.refuse(self.path, expected, Words(f"a file {' and '.join(told)}"), "save it again")


def save(predictor: "Predictor", path: Place, steps: int, loss: float) -> None:
    """Write the generator of `predictor`, whole or not at all. All ranks make the call, rank 0 writes.

    ValueError, on all of them, if no file can be written at `path`. After any error a file that was there is still
    there.
    """
    here = predictor.comm.rank == 0
    together(predictor.comm, lambda: _write(path, predictor, steps, loss) if here else None)


def _write(path: Place, predictor: "Predictor", steps: int, loss: float) -> None:
    place, state = check_place("path", path), predictor.generator.state_dict()
    for name, value in state.items():
        if not isinstance(value, Tensor):
            remedy = "register it as a buffer"
            raise checks.refuse("generator", f"a tensor as {name} of its state", value, remedy)
    experiment = predictor.experiment
    about = {
        "format": FORMAT,
        "number": str(NUMBER),
        "experiment": str(experiment),
        "generator": repr(
            experiment.generator.bare
        ),  # for a run that starts from it, which runs nothing of it
        "dim": str(experiment.problem.dim),
        "steps": str(steps),
        "loss": repr(loss),
        "pdekit": pdekit.__version__,
        "torch": torch.__version__,
    } | NOTE
    # copies: parameters are views of one vector, which the format does not know
    tensors = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in state.items()
    }
    with beside(place) as other:
        other.write_bytes(seal(packed(tensors, about)))


def read(path: Place) -> Saved:
    """What is in the file at `path`; ValueError if it is not whole, not one of these, or from a newer pdekit."""
    if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
        remedy = f"check the path; a relative one starts at the working directory, now {os.getcwd()}"
        raise checks.refuse("model", "a file written by solver.save", path, remedy)
    name = os.fspath(path)
    try:
        with safetensors.safe_open(name, framework="pt") as file:
            notes = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no dict)
        changed = damage(Path(path))
    except (SafetensorError, OSError) as error:
        remedy = "copy it again, or save it again"
        raise checks.refuse(name, "a whole file written by solver.save", Words(error), remedy) from error
    if notes.get("format") != FORMAT:
        got = Words(f"the format {notes['format']!r}" if "format" in notes else "tensors without its notes")
        raise checks.refuse(name, "a generator saved by pdekit", got, "give one that solver.save wrote")
    if (number := notes.get("number")) != str(NUMBER):
        got = Words(f"number {number}, of pdekit {notes.get('pdekit')}")
        remedy = f"this is {pdekit.__version__}: use the one that wrote it, or pip install --upgrade pdekit"
        raise checks.refuse(name, f"number {NUMBER} of its format", got, remedy)
    if changed:
        raise checks.refuse(name, "the bytes that were written", changed, "copy it again, or save it again")
    if missing := [note for note in NOTES if note not in notes]:
        got = Words(f"a file without {', '.join(missing)}")
        raise checks.refuse(name, f"the notes {', '.join(NOTES)}", got, "save it again")
    return Saved(name, notes, tensors)
