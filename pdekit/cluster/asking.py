"""What is asked of a solver on the engines without changing it: predictions, errors, and files of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdekit.beside import Place
from pdekit.cluster import engine
from pdekit.cluster.calls import Call
from pdekit.cluster.elastic import Kept

if TYPE_CHECKING:
    import numpy as np

    from pdekit.cluster.cluster import Cluster

    Of = int | Sequence[int] | np.ndarray


class Asking:
    """The questions of a RemoteSolver."""

    ranks: int
    _cluster: "Cluster"
    _kept: Kept
    _send: Any

    def predict(self, of: "Of", resolution: int | None = None) -> "np.ndarray":
        """The generator's u, float64, as `pk.Solver.predict` gives it; asks rank 0 only."""
        return self._cluster.gather(self._send(engine.predict, of, resolution, ranks=1))[0]

    async def predict_async(self, of: "Of", resolution: int | None = None) -> "np.ndarray":
        """`predict` without blocking the event loop."""
        return (await self._cluster.gather_async(self._send(engine.predict, of, resolution, ranks=1)))[0]

    def error(self, indices: Sequence[int], resolution: int | None = None) -> float:
        """Mean over the global samples `indices` of the relative L2 error; asks all its ranks."""
        return self._cluster.gather(self._send(engine.error, indices, resolution, ranks=self.ranks))[0]

    async def error_async(self, indices: Sequence[int], resolution: int | None = None) -> float:
        """`error` without blocking the event loop."""
        return (
            await self._cluster.gather_async(self._send(engine.error, indices, resolution, ranks=self.ranks))
        )[0]

    def save(self, path: Place) -> None:
        """Write the generator as it is to the file `path`, for `pk.load`; asks all its ranks, rank 0 writes."""
        self._cluster.gather(self._send(engine.save, os.path.abspath(path), ranks=self.ranks))

    def checkpoint(self, folder: str | Path | None = None) -> Path:
        """`Solver.checkpoint`, on all its ranks; ClusterError if one of them cannot write."""
        return self._written(self._cluster.gather(self._write(folder)))

    async def checkpoint_async(self, folder: str | Path | None = None) -> Path:
        """`checkpoint` without blocking the event loop."""
        return self._written(await self._cluster.gather_async(self._write(folder)))

    def _write(self, folder: str | Path | None) -> Call:
        where = None if folder is None else str(Path(folder).absolute())
        return self._send(engine.checkpoint, where, ranks=self.ranks)

    def _written(self, results: list[Any]) -> Path:
        path = Path(results[0])
        self._kept.folder = str(path.parent)
        return path
