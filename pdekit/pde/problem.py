"""The face of every PDE: samples by number, boundary values by construction, one loss per sample, a reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import reference
from pdekit.pde.fields import FIRST_HELD_OUT, Field


class Samples(NamedTuple):
    """A batch of samples on the grid: what the generator sees, and what the loss needs."""

    inputs: Tensor  # (B, channels, *shape)
    data: Tensor  # (B, *data_shape)
    operator: Any = None  # what the problem makes of the data once a batch


@dataclass(frozen=True)
class Problem:
    """A PDE for a family of samples: a frozen recipe of plain values, the base of all others.

    `resolution` is the number of nodes along a side, ends included; `seed` draws another family. A sample is
    a global number i: the same sample on any number of ranks, in any batch, and finer on a finer grid. Fields
    are (*shape) with x along the last axis, y (or time) along the one before, z before that; fields of vectors
    are (components, *shape). A problem of the catalogue says the lines marked with *.
    """

    resolution: int = 64
    seed: int = 0

    dim: ClassVar[int] = 2
    channels: ClassVar[int] = 1  # of what the generator sees
    components: ClassVar[int] = 1  # of u
    objectives: ClassVar[tuple[str, ...]] = ("mean",)  # * losses that make sense, the best first
    positive: ClassVar[bool] = True  # * whether the data have to be above zero
    grids: ClassVar[str] = "coarse-to-fine"  # * the way through the grids that serves it best
    given: ClassVar[str] = "coefficient ν"  # * what the data are, in words

    def __post_init__(self) -> None:
        checks.settle(
            self,
            resolution=checks.whole("resolution", self.resolution, least=3),
            seed=checks.whole("seed", self.seed, least=0),
        )

    @property
    def field(self) -> Field:
        """* What the data of the samples are drawn from."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid, slowest axis first."""
        return (self.resolution,) * self.dim

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample's data."""
        return self.shape

    @property
    def u_shape(self) -> tuple[int, ...]:
        """Shape of one sample's u."""
        return self.shape if self.components == 1 else (self.components, *self.shape)

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Where u's values lie along each axis of the grid, slowest first: {"y": (H,), "x": (W,)}, float64."""
        return {name: np.linspace(0.0, 1.0, self.resolution) for name in "zyx"[-self.dim :]}

    def at(self, resolution: int) -> Self:
        """The same problem, and the same samples, on a finer or coarser grid."""
        return replace(self, resolution=resolution)

    def held_out(self, count: int = 16) -> range:
        """Indices of `count` samples that no training run uses."""
        return range(FIRST_HELD_OUT, FIRST_HELD_OUT + checks.whole("count", count))

    def parameters(self, indices: int | Sequence[int]) -> np.ndarray:
        """The numbers that global samples `indices` are made of: (B, m), float64. ValueError for other indices."""
        which = np.atleast_1d(np.asarray(indices))
        whole = np.issubdtype(which.dtype, np.integer)
        if which.ndim != 1 or not whole or which.size == 0 or which.min() < 0:
            remedy = "give an index, or a list of them"
            raise checks.refuse("samples", "whole numbers from 0 on", indices, remedy)
        return self.field.parameters(which, self.seed)

    def data(self, parameters: np.ndarray) -> np.ndarray:
        """The data of the samples with `parameters` (B, m): (B, *data_shape), float64."""
        return self.field.values(parameters, self.data_shape)

    def coefficient(self, i: int | Sequence[int]) -> np.ndarray:
        """The data of global sample i (*data_shape), or of several (B, *data_shape); float64."""
        data = self.data(self.parameters(i))
        return data[0] if np.ndim(i) == 0 else data

    def reference(self, i: int | Sequence[int]) -> np.ndarray:
        """The classical solution of global sample i (*u_shape), or of several (B, *u_shape); float64."""
        data = self.coefficient(i)
        return (
            self._remembered(data) if np.ndim(i) == 0 else np.stack([self._remembered(one) for one in data])
        )

    def reference_seconds(self, i: int) -> float:
        """Seconds that the classical solver takes here for global sample i: solved afresh, its data already drawn."""
        data = self.coefficient(checks.whole("sample", i, least=0))
        return reference.seconds(lambda: self.classical(data))

    def solve(self, data: np.ndarray) -> np.ndarray:
        """The classical solution for data of your own (*data_shape) or (B, *data_shape); float64."""
        data = self.check(data)
        lead = data.shape[: data.ndim - len(self.data_shape)]
        solved = [self.classical(one) for one in data.reshape(-1, *self.data_shape)]
        return np.stack(solved).reshape(*lead, *self.u_shape)

    def classical(self, data: np.ndarray) -> np.ndarray:
        """* u (*u_shape) for the data of one sample, by code that shares nothing with the loss."""
        raise NotImplementedError

    def _remembered(self, data: np.ndarray) -> np.ndarray:
        return reference.remember((repr(self), data), lambda: self.classical(data))

    def error(self, u: np.ndarray, u_reference: np.ndarray) -> float:
        """Relative L2 error of one sample's u."""
        return reference.relative_l2(u, u_reference, components=self.components > 1)

    def check(self, data: np.ndarray) -> np.ndarray:
        """`data` as float64 if they are of this problem; ValueError if shape, sign or finiteness is wrong."""
        data = np.array(data, dtype=np.float64, order="C")
        lead = data.ndim - len(self.data_shape)
        if lead not in (0, 1) or data.shape[lead:] != self.data_shape:
            more = f"(B, {', '.join(map(str, self.data_shape))})"
            remedy = "sample it at the nodes, or use problem.at(resolution)"
            raise checks.refuse(
                "coefficient", f"an array of shape {self.data_shape} or {more}", data.shape, remedy
            )
        bad = ~np.isfinite(data) | (data <= 0 if self.positive else False)
        if bad.any():
            place = tuple(int(k) for k in np.argwhere(bad)[0])
            expected = "finite values above 0" if self.positive else "finite values"
            got = f"{data[place]} at index {place}"
            raise checks.refuse("coefficient", expected, got, "mend or replace these values")
        return data

    def sample(self, i: int | Sequence[int], dtype: torch.dtype = torch.float64) -> Samples:
        """Global samples i as a batch: what the generator sees, and what the loss needs."""
        return self.samples(self.parameters(i), dtype)

    def samples(self, parameters: np.ndarray, dtype: torch.dtype) -> Samples:
        """The batch of the samples with `parameters` (B, m), in `dtype`."""
        return self.batch(self.data(parameters), dtype)

    def batch(self, data: np.ndarray, dtype: torch.dtype) -> Samples:
        """The batch of the samples with `data` (B, *data_shape), in `dtype`."""
        tensor = torch.from_numpy(data).to(dtype)
        return Samples(torch.from_numpy(self.inputs(data)).to(dtype), tensor, self.operator(tensor))

    def inputs(self, data: np.ndarray) -> np.ndarray:
        """What the generator sees of `data` (B, *data_shape): (B, channels, *shape); their logarithm if positive."""
        return (np.log(data) if self.positive else data)[:, None]

    def operator(self, data: Tensor) -> Any:
        """What the loss needs of `data` (B, *data_shape) and can be made once a batch."""
        return None

    def impose(self, output: Tensor, samples: Samples) -> Tensor:
        """u (B, *u_shape) of the generator's output (B, components, *shape): * exact boundary and initial values."""
        raise NotImplementedError

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """* The loss of each sample's u (B, *u_shape): (B,)."""
        raise NotImplementedError

    def loss(self, u: np.ndarray, data: np.ndarray) -> float:
        """The loss of one field u (*u_shape) for the data (*data_shape) of one sample. Look at it, or plot it."""
        data, u = self.check(data), np.array(u, dtype=np.float64, order="C")
        if data.shape != self.data_shape or u.shape != self.u_shape:
            expected = f"fields of shapes {self.u_shape} and {self.data_shape}"
            raise checks.refuse("u and its data", expected, (u.shape, data.shape), "give one of each")
        with torch.no_grad():
            return float(self.losses(torch.from_numpy(u)[None], self.batch(data[None], torch.float64)))
