"""One checkpoint: a folder of JSON and safetensors that says all that the next step needs; no pickle.

`checkpoint.json` describes it. Every vector as long as the parameters (they, and each of the optimizer's) is cut into
`shares.block`s: rank I of N wrote its own to `part-I-of-N.safetensors`. There, `ranks` is what the ranks I, I + N, ...
did in every step (those from N on: of an earlier start of the run). The first part also has `state.*`, the network's
other tensors (batch norm's statistics), and `history.*`, a column each. No random state is among them: every random
number follows from the seed, the number of the step and the global sample. Each file has a checksum, see `seal`.
"""

import json
import math
import re
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

import torch
from safetensors import safe_open
from torch import Tensor

from pdekit import checks
from pdekit.parallel import block
from pdekit.train.parts import FORMAT, INTACT, NUMBER, opened, refusal
from pdekit.train.seal import NOTE, damage

DESCRIPTION = "checkpoint.json"
NAME = re.compile(r"step-(\d{8,})")


def name_of(step: int) -> str:
    """The folder's name of the checkpoint after `step`."""
    return f"step-{step:08d}"


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
    rates: list[float] = field(default_factory=list)  # `Course.rates`; those of the experiment if none

    @classmethod
    def newest(cls, path: str | Path) -> Self:
        """The checkpoint `path`, or the one of the last step in the folder `path`.

        If that is damaged, ValueError names the newest whole one before it. None is taken instead: to do steps once
        more is for the user to decide, and would write over what may still be rescued.
        """
        one = Path(path).absolute()
        if not (NAME.fullmatch(one.name) or (one / DESCRIPTION).exists()):
            one = _some(path)[-1]
        try:
            return cls.read(one)
        except ValueError as error:
            before = cls.whole(one.parent, step_of(one)) if NAME.fullmatch(one.name) else None
            where = "none is whole" if before is None else f"the newest whole one is {before.path}"
            raise ValueError(f"{error}; before it, {where}") from error

    @classmethod
    def whole(cls, folder: str | Path, before: float = math.inf) -> Self | None:
        """The newest in `folder`, of those before the step `before`, that is whole; None if there is none."""
        for path in reversed(cls.paths(folder)):
            if step_of(path) < before:
                with suppress(ValueError):  # what is asked for is one without
                    return cls.read(path)
        return None

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
            said, changed = json.loads(file.read_text()), damage(file)
        except (OSError, ValueError) as error:
            raise refusal(file, f"a whole {DESCRIPTION}", str(error)) from error
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise refusal(file, f"the format {FORMAT!r}", "another")
        if said.get("number") != NUMBER:
            got = f"number {said.get('number')}, written by pdekit {said.get('pdekit')}"
            raise checks.refuse(
                str(file), f"number {NUMBER} of the format", got, "use the pdekit that wrote it"
            )
        if changed:
            raise refusal(file, INTACT, changed)
        names = {f.name for f in fields(cls)} - {"path"}
        if missing := sorted(names - said.keys() - {"rates"}):
            raise refusal(file, f"a word on {missing[0]!r}", "none")
        return cls(path=path, **{name: said[name] for name in names & said.keys()})

    def text(self) -> str:
        """The content of `checkpoint.json`."""
        said = {name: value for name, value in asdict(self).items() if name != "path"}
        return json.dumps({"format": FORMAT, "number": NUMBER} | NOTE | said, indent=1)

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

    def ranks(self) -> Tensor:
        """What every rank did in every step, as `Ranks.table`."""
        pieces = []
        for part in range(self.parts):
            with self._part(part) as file:
                pieces.append(file.get_tensor("ranks"))
        columns = sum(piece.shape[1] for piece in pieces)
        table = pieces[0].new_empty(self.step, columns, pieces[0].shape[2])
        for part, piece in enumerate(pieces):
            table[:, part :: self.parts] = piece
        return table

    def _look(self) -> None:
        """ValueError unless all parts are there, and whole, and of this checkpoint."""
        for part in range(self.parts):
            held = len(block(self.parameters, self.parts, part))
            with self._part(part, check=True) as file:
                known = set(file.keys())
                for name in self.vectors:
                    shape = file.get_slice(name).get_shape() if name in known else None
                    if shape != [held]:
                        raise refusal(self.path, f"{held} numbers of {name} in part {part}", shape)

    def _part(self, part: int, check: bool = False) -> AbstractContextManager[safe_open]:
        return opened(self.path, self.step, part, self.parts, check)


def step_of(path: Path) -> int:
    """The step in the name of a checkpoint."""
    return int(NAME.search(path.name)[1])


def _some(folder: str | Path) -> list[Path]:
    if not (found := Checkpoint.paths(folder)):
        remedy = "give the folder that a run with checkpoints=... has written"
        raise checks.refuse(str(folder), "a folder with checkpoints", "none in it", remedy)
    return found
