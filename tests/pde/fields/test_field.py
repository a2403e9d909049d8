"""What every field keeps: one sample in any batch, one function at any resolution, a repr that reads back.

A new recipe joins by a line in RECIPES.
"""

from dataclasses import fields as settings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest, qmc

import pdekit as pk
from pdekit.pde import fields
from pdekit.pde.fields import (
    FIRST_HELD_OUT,
    Checkerboard,
    Constant,
    Field,
    Folder,
    Images,
    Inclusions,
    KarhunenLoeve,
    Matern,
    normals,
    uniforms,
)

RECIPES = [  # (recipe, number of axes); a path is filled in by `made`
    (Constant(2.0, 3.0), 2),
    (Constant(), 3),
    (KarhunenLoeve(), 1),
    (KarhunenLoeve(terms=4, eta=0.2), 2),
    (KarhunenLoeve(terms=3), 3),
    (Matern(dimension=1), 1),
    (Matern(), 2),
    (Matern(0.5, length=0.3, sigma=2.0, mean=-1.0, modes=12, exponential=False), 2),
    (Matern(modes=8, dimension=3), 3),
    (Checkerboard(dimension=1), 1),
    (Checkerboard(cells=5, low=-1.0, high=2.0), 2),
    (Checkerboard(dimension=3), 3),
    (Inclusions(), 1),
    (Inclusions(count=5, radius=(0.1, 0.1)), 2),
    (Inclusions(), 3),
    (Images, 2),
    (Folder, 2),
    (Folder, 3),
]
NODES = {1: (129,), 2: (33, 65), 3: (9, 17, 33)}
GRIDS = {
    1: [(65,)],
    2: [(65, 65), (33, 65)],
    3: [(17, 17, 17), (9, 17, 33)],
}  # a finer one has twice the intervals
INDICES = np.array([9, 2, FIRST_HELD_OUT + 3, 5, 11, 3])


def made(recipe: Field | type[Field], axes: int, folder: Path) -> Field:
    """The recipe itself, or one of files that are written into `folder` first."""
    if isinstance(recipe, Field):
        return recipe
    rng = np.random.default_rng(1)
    for k in range(9):
        size = [5 + k, 4, 6][:axes]
        if recipe is Images:
            pillow = pytest.importorskip("PIL.Image")
            pillow.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"{k}.png")
        else:
            np.save(folder / f"{k}.npy", rng.uniform(0.5, 2.0, size))
    return recipe(str(folder))


@pytest.fixture(params=RECIPES, ids=lambda p: f"{getattr(p[0], '__name__', type(p[0]).__name__)}-{p[1]}D")
def field_and_axes(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Field, int]:
    recipe, axes = request.param
    return made(recipe, axes, tmp_path), axes


def test_a_sample_has_the_same_bits_in_any_batch(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    shape = NODES[axes]
    parameters = field.parameters(INDICES, 4)
    batch = field.values(parameters, shape)
    assert batch.shape == (6, *shape) and batch.dtype == parameters.dtype == np.float64
    assert batch.flags.c_contiguous
    np.testing.assert_array_equal(field.parameters(INDICES[::-1], 4), parameters[::-1])
    np.testing.assert_array_equal(field.values(parameters[::-1], shape), batch[::-1])
    np.testing.assert_array_equal(field.values(parameters[1:4], shape), batch[1:4])
    for k, i in enumerate(INDICES):
        alone = field.parameters(np.array([i]), 4)
        np.testing.assert_array_equal(alone[0], parameters[k])
        np.testing.assert_array_equal(field.values(alone, shape)[0], batch[k])


def test_a_sample_is_the_same_function_on_a_finer_grid(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    parameters = field.parameters(INDICES, 0)
    for coarse in GRIDS[axes]:
        fine = field.values(parameters, tuple(2 * n - 1 for n in coarse))
        common = fine[(slice(None), *(slice(None, None, 2),) * axes)]
        np.testing.assert_allclose(common, field.values(parameters, coarse), rtol=1e-12, atol=1e-12)


def test_samples_differ_and_positive_fields_are(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    values = field.values(field.parameters(np.arange(6), 0), NODES[axes])
    assert len({one.tobytes() for one in values}) == 6
    assert np.isfinite(values).all()
    assert not field.positive or values.min() > 0
    if not isinstance(field, Images | Folder):  # files are what they are, whatever the seed
        assert not np.array_equal(field.parameters(np.arange(6), 0), field.parameters(np.arange(6), 1))


def test_a_rank_without_samples_gets_none(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    parameters = field.parameters(np.array([], dtype=int), 0)
    assert parameters.shape == (0, field.parameters(np.array([1]), 0).shape[1])
    assert field.values(parameters, NODES[axes]).shape == (0, *NODES[axes])


def test_a_recipe_reads_back_and_takes_the_scalars_of_numpy(field_and_axes: tuple[Field, int]) -> None:
    field, _ = field_and_axes
    assert eval(repr(field), vars(fields)) == field and hash(field) == hash(replace(field))
    plain = {s.name: getattr(field, s.name) for s in settings(field)}
    numpy = {
        name: value if isinstance(value, str | tuple | None) else np.array(value)[()]
        for name, value in plain.items()
    }
    again = type(field)(**numpy)
    assert repr(again) == repr(field)


def test_other_shapes_are_refused(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    name, parameters = type(field).__name__, field.parameters(np.array([0]), 0)
    for shape in ((9,) * 4, 9, [9] * axes, ()):
        with pytest.raises(ValueError, match=f"shape of {name}: expected a tuple of .* numbers of nodes"):
            field.values(parameters, shape)
    if len(field.dimensions) == 1:
        with pytest.raises(ValueError, match=f"shape of {name}: expected a tuple of {axes} numbers of nodes"):
            field.values(parameters, (9,) * (axes % 3 + 1))
    with pytest.raises(ValueError, match=f"nodes of {name}: expected a whole number, at least 2"):
        field.values(parameters, (1,) * axes)


def test_other_parameters_and_samples_are_refused(field_and_axes: tuple[Field, int]) -> None:
    field, axes = field_and_axes
    parameters = field.parameters(np.array([0]), 0)
    for wrong in (parameters[0], parameters[:, :-1], parameters[None]):
        with pytest.raises(ValueError, match=r"expected an array \(B, "):
            field.values(wrong, NODES[axes])
    with pytest.raises(ValueError, match="finite numbers"):
        field.values(parameters * np.nan, NODES[axes])
    for indices in ([-1], [0.5], 3, [[1]]):
        with pytest.raises(ValueError, match="samples: expected a list of whole numbers"):
            field.parameters(indices, 0)
    with pytest.raises(ValueError, match="seed"):
        field.parameters(np.array([0]), -1)


def test_random_streams_of_samples_are_apart() -> None:
    """Each sample's numbers have their distribution, and so have those of one place over all samples."""
    gauss, flat = normals(np.arange(400), 500, 7), uniforms(np.arange(400), 500, 7)
    assert kstest(gauss.ravel(), "norm").pvalue > 1e-3 and kstest(flat.ravel(), "uniform").pvalue > 1e-3
    assert kstest(gauss[:, 0], "norm").pvalue > 1e-3 and kstest(flat[:, 0], "uniform").pvalue > 1e-3
    correlations = np.corrcoef(gauss)[np.triu_indices(400, 1)]
    assert abs(correlations).max() < 6 / np.sqrt(500)
    assert not np.isin(normals(np.arange(400), 5, 8), gauss).any()
    assert not np.isin(normals(np.arange(FIRST_HELD_OUT, FIRST_HELD_OUT + 50), 5, 7), gauss).any()


def test_sobol_points_keep_their_number_in_any_order_and_any_selection() -> None:
    whole = qmc.Sobol(6, scramble=True, rng=3).random(64)
    wanted = np.array([5, 63, 0, 5, 6, 7, 40])
    np.testing.assert_array_equal(fields.sobol(wanted, 6, 3), whole[wanted])
    assert len(fields.sobol(np.array([], dtype=int), 6, 3)) == 0


def test_nothing_here_needs_torch() -> None:
    for file in Path(fields.__file__).parent.glob("*.py"):
        assert "torch" not in file.read_text(), file


def test_held_out_samples_are_none_that_a_run_may_train_on() -> None:
    held_out = pk.Poisson(16).held_out(16)
    assert held_out[0] == FIRST_HELD_OUT
    with pytest.raises(ValueError, match="samples"):
        pk.Experiment(pk.Poisson(32), samples=held_out[0] + 1)
