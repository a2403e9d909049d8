"""Which checkpoints of a run are kept: the last ones, and the best."""

from contextlib import suppress
from pathlib import Path

from pdekit.train.checkpoint import Checkpoint, step_of


class Shelf:
    """The checkpoints of one run that are there, of which the last `keep` and the best stay."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._ranking: dict[Path, tuple[int, float]] = {}

    def find(self, folder: Path, last: int) -> None:
        """Take note of those in `folder` up to the step `last`."""
        for path in Checkpoint.paths(folder):
            if step_of(path) <= last:
                with suppress(ValueError):  # what cannot be read is never removed either
                    self._ranking[path] = Checkpoint.described(path).rank_of()

    def put(self, checkpoint: Checkpoint) -> list[Path]:
        """Add one that has appeared: those to remove."""
        self._ranking[checkpoint.path] = checkpoint.rank_of()
        best = max(self._ranking, key=self._ranking.get)
        unwanted = [path for path in sorted(self._ranking, key=step_of)[: -self.keep] if path != best]
        for path in unwanted:
            del self._ranking[path]
        return unwanted
