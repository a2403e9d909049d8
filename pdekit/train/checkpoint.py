"""One checkpoint: a folder of JSON and safetensors that says all that the next step needs; no pickle.

`checkpoint.json` describes it. Every vector as long as the parameters (they, and each of the optimizer's) is cut into
`shares.block`s: rank I of N wrote its own to `part-I-of-N.safetensors`. The first part also has `state.*`, the
network's other tensors (batch norm's statistics), and `history.*`, a column each. No random state is among them: every
random number follows from the seed, the number of the step and the global sample.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pdekit import checks
from pdekit.parallel import block

FORMAT, NUMBER = "pdekit checkpoint", 1
DESCRIPTION = "checkpoint.json"
NAME = re.compile(r"step-(\d{8,})")


def name_of(step: int) -> str:
    """The folder's name of the checkpoint after `step`."""
    return f"step-{step:08d}"


def name_of_part(part: int, parts: int) -> str:
    """The file's name of one rank's part."""
    return f"part-{part}-of-{parts}.safetensors"


def mark(step: int, part: int, parts: int) -> dict[str, str]:
    """What a part's metadata say, so that it is not taken for another's."""
    return {"format": FORMAT, "step": str(step), "part": f"{part} of {parts}"}


@dataclass(frozen=True)
class Checkpoint:
    """What `checkpoint.json` in the folder `path` says; `loss` is the mean since the checkpoint before.

    Made by `newest`, `best` or `read`, which raise ValueError for what is no whole checkpoint of this format.
    """

    path: Path
    step: int
    seconds: float
    experiment: str
    loss: float
    resolution: int  # of the latest step
    visit: int  # of the experiment's plan
    stalled: bool
    every: int
    keep: int
    parts: int
    parameters: int
    dtype: str
    vectors: list[str]
    numbers: dict[str, float]  # the optimizer's
    pdekit: str
    torch: str

    @classmethod
    def newest(cls, path: str | Path) -> Self:
        """The checkpoint `path`, or the one of the last step in the folder `path`."""
        if NAME.fullmatch(Path(path).absolute().name) or (Path(path) / DESCRIPTION).exists():
            return cls.read(Path(path).absolute())
        return cls.read(_some(path)[-1])

    @classmethod
    def best(cls, folder: str | Path) -> Self:
        """Of those in `folder`: on the finest grid, the one of the lowest mean loss."""
        return cls.read(max(map(cls.described, _some(folder)), key=cls.rank_of).path)

    @staticmethod
    def paths(folder: str | Path) -> list[Path]:
        """The checkpoints in `folder` by their names, the last step last; none if there is no such folder."""
        try:
            found = [one for one in Path(folder).absolute().iterdir() if NAME.fullmatch(one.name)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found, key=step_of)

    def rank_of(self) -> tuple[int, float]:
        """Larger is better."""
        return self.resolution, -self.loss

    @classmethod
    def read(cls, path: Path) -> Self:
        """The checkpoint in the folder `path`, each of its parts looked at."""
        made = cls.described(path)
        made._look()
        return made

    @classmethod
    def described(cls, path: Path) -> Self:
        """What the folder `path` says, its parts unseen."""
        file = path / DESCRIPTION
        try:
            said = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise refusal(path, f"a whole {DESCRIPTION}", str(error)) from error
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise refusal(path, f"a {DESCRIPTION} of format {FORMAT!r}", "another file")
        if said.get("number") != NUMBER:
            got = f"number {said.get('number')}, written by pdekit {said.get('pdekit')}"
            raise checks.refuse(
                str(path), f"number {NUMBER} of the format", got, "use the pdekit that wrote it"
            )
        try:
            return cls(path=path, **{f.name: said[f.name] for f in fields(cls) if f.name != "path"})
        except KeyError as missing:
            raise refusal(path, f"a {DESCRIPTION} with {missing}", "none") from missing

    def text(self) -> str:
        """The content of `checkpoint.json`."""
        said = {name: value for name, value in asdict(self).items() if name != "path"}
        return json.dumps({"format": FORMAT, "number": NUMBER} | said, indent=1)

    def vector(self, name: str, wanted: range) -> Tensor:
        """The numbers `wanted` of the vector `name`, from the parts that have them."""
        pieces = []
        for part in range(self.parts):
            held = block(self.parameters, self.parts, part)
            start, stop = max(wanted.start, held.start), min(wanted.stop, held.stop)
            if start < stop:
                with self._part(part) as file:
                    pieces.append(file.get_slice(name)[start - held.start : stop - held.start])
        return torch.cat(pieces) if pieces else torch.empty(0, dtype=getattr(torch, self.dtype))

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of the first part whose names start with `prefix`, without it."""
        with self._part(0) as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118 (no mapping)
            return {name.removeprefix(prefix): file.get_tensor(name).clone() for name in names}

    def _look(self) -> None:
        """ValueError unless all parts are there, and whole, and of this checkpoint."""
        for part in range(self.parts):
            held = len(block(self.parameters, self.parts, part))
            with self._part(part) as file:
                known = set(file.keys())
                for name in self.vectors:
                    shape = file.get_slice(name).get_shape() if name in known else None
                    if shape != [held]:
                        raise refusal(self.path, f"{held} numbers of {name} in part {part}", shape)

    @contextmanager
    def _part(self, part: int) -> Iterator[safe_open]:
        file = self.path / name_of_part(part, self.parts)
        expected = mark(self.step, part, self.parts)
        try:
            with safe_open(file, framework="pt") as opened:
                if opened.metadata() != expected:
                    raise refusal(file, f"a part of {self.path.name}, {expected}", opened.metadata())
                yield opened
        except (OSError, SafetensorError) as error:
            raise refusal(file, "a whole safetensors file", str(error)) from error


def refusal(path: Path, expected: str, got: object) -> ValueError:
    """The error for `path` if it is no whole checkpoint; names those beside it."""
    folder = path.parent if NAME.fullmatch(path.name) else path.parent.parent
    others = [one.name for one in Checkpoint.paths(folder) if one not in (path, path.parent)]
    remedy = f"take one of {', '.join(others)} in {folder}" if others else "give a folder that pdekit wrote"
    return checks.refuse(str(path), expected, got, remedy)


def step_of(path: Path) -> int:
    """The step in the name of a checkpoint."""
    return int(NAME.search(path.name)[1])


def _some(folder: str | Path) -> list[Path]:
    if not (found := Checkpoint.paths(folder)):
        remedy = "give the folder that a run with checkpoints=... has written"
        raise checks.refuse(str(folder), "a folder with checkpoints", "none in it", remedy)
    return found
