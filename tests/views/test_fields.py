"""Fields as heatmaps: orientation, ranges, and what is refused."""

import numpy as np
import pytest

import pdekit as pk
from pdekit.views.arrays import by_log, l2_norm, picture, relative_error
from pdekit.views.theme import SIGNED_SCALE

X = np.linspace(0, 1, 9)
RAMP = np.broadcast_to(X, (5, 9))  # u = x on 5 x 9 nodes


def test_x_runs_along_the_width_and_y_along_the_height_of_the_unit_square() -> None:
    figure = pk.plot_field(RAMP, "ramp", label="u")
    trace = figure.data[0]
    assert (trace.x0, trace.dx, trace.y0, trace.dy) == (0, 1 / 8, 0, 1 / 4)
    assert trace.z[0][-1] == 1 and trace.z[-1][0] == 0
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.layout.title.text == "ramp"
    assert trace.colorbar.title.text == "u"


def test_a_coefficient_is_coloured_by_its_logarithm() -> None:
    trace = pk.plot_field(10 ** (4 * RAMP - 2), log=True).data[0]
    assert np.allclose(trace.z, 4 * RAMP - 2)


def test_an_error_has_no_error_in_the_middle_of_its_scale() -> None:
    trace = pk.plot_field(RAMP - 0.25, signed=True).data[0]
    assert (trace.zmin, trace.zmax) == (-0.75, 0.75)
    assert trace.colorscale == pk.plot_field(-RAMP, signed=True).data[0].colorscale
    assert pk.plot_field(np.zeros((3, 3)), signed=True).data[0].zmax > 0


def test_four_panels_share_what_can_be_compared() -> None:
    figure = pk.plot_fields(coefficient=1 + RAMP, prediction=RAMP + 0.1, reference=RAMP)
    coefficient, prediction, reference, error = figure.data
    assert np.allclose(coefficient.z, 1 + RAMP)
    assert (prediction.zmin, prediction.zmax) == (reference.zmin, reference.zmax) == (0, 1.1)
    assert np.allclose(error.z, 0.1) and error.zmin == -error.zmax
    assert error.colorscale == pk.plot_field(RAMP, signed=True).data[0].colorscale
    assert prediction.colorscale != SIGNED_SCALE
    percent = 100 * relative_error(RAMP + 0.1, RAMP)
    assert f"{percent:.2f} %" in figure.layout.title.text
    assert [axis.scaleanchor for axis in figure.select_yaxes()] == ["x", "x2", "x3", "x4"]


def titles(figure: object) -> list[str]:
    return [note.text for note in figure.layout.annotations]


@pytest.mark.parametrize(
    ("coefficient", "log", "by_logarithm"),
    [
        (10**RAMP, None, True),  # a decade, no more
        (9.9**RAMP, None, False),
        (9.9**RAMP, True, True),
        (10 ** (4 * RAMP), False, False),
        (RAMP, None, False),  # 0 is not above 0
        (RAMP - 0.5, None, False),  # the initial condition of a wave
        (np.ones((5, 9)), None, False),
    ],
)
def test_a_coefficient_is_shown_by_its_logarithm_where_that_shows_more(
    coefficient, log, by_logarithm
) -> None:
    figure = pk.plot_fields(coefficient=coefficient, log=log)
    assert np.allclose(figure.data[0].z, np.log10(coefficient) if by_logarithm else coefficient)
    assert titles(figure) == ["coefficient ν, log<sub>10</sub>" if by_logarithm else "coefficient ν"]
    named = pk.plot_fields(coefficient=coefficient, log=log, given="source f")
    assert titles(named)[0].startswith("source f") and ("log" in titles(named)[0]) is by_logarithm


def test_one_field_of_several_is_enough_for_a_logarithm_if_all_are_positive() -> None:
    assert by_log(1 + RAMP, 10**RAMP) and not by_log(1 + RAMP, 9 + RAMP) and not by_log(10**RAMP, RAMP)


CUBE = np.broadcast_to(X[:, None, None], (9, 9, 9))


def test_fields_of_vectors_are_shown_by_their_length_beside_a_map() -> None:
    """The error is that of the vectors: two of equal length may differ."""
    u = np.stack([RAMP, 0 * RAMP])
    figure = pk.plot_fields(coefficient=1 + RAMP, prediction=u[::-1], reference=u)
    _, prediction, reference, error = figure.data
    assert np.allclose(prediction.z, RAMP) and np.allclose(reference.z, RAMP)
    assert np.allclose(error.z, 2**0.5 * RAMP)
    assert "141.42 %" in figure.layout.title.text
    assert titles(figure)[-1] == "error = |prediction - reference|"


def test_lines_and_cubes_are_shown_on_the_grid() -> None:
    chance = pk.plot_fields(coefficient=10**X, reference=RAMP)  # positive for once, as a wave may be
    assert np.allclose(chance.data[0].z, np.broadcast_to(10**X, (5, 9)))
    asked = pk.plot_fields(coefficient=10**X, reference=RAMP, log=True)
    assert np.allclose(asked.data[0].z, np.broadcast_to(X, (5, 9)))
    line = pk.plot_fields(coefficient=X - 0.5, reference=RAMP)  # over time
    assert np.allclose(line.data[0].z, np.broadcast_to(X - 0.5, (5, 9)))
    number = pk.plot_fields(coefficient=[100.0], reference=np.stack([RAMP, RAMP]), shape=(5, 9))
    assert np.shape(number.data[0].z) == (5, 9) and np.allclose(number.data[0].z, 100)
    cubes = pk.plot_fields(coefficient=10**CUBE, prediction=2 * CUBE, reference=CUBE, shape=(9, 9, 9))
    assert np.allclose(cubes.data[0].z, 0.5) and np.allclose(cubes.data[3].z, 0.5)
    assert "100.00 %" in cubes.layout.title.text


@pytest.mark.parametrize(
    "given", [("coefficient",), ("prediction",), ("reference", "error"), ("coefficient", "reference")]
)
def test_panels_that_are_not_given_are_left_out(given: tuple[str, ...]) -> None:
    figure = pk.plot_fields(**{name: 1 + RAMP for name in given})
    assert len(figure.data) == len(given)
    assert figure.layout.title.text == ""


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (np.zeros((2, 8, 8)), r"expected an \(H, W\) array.*got \(2, 8, 8\); pass one sample"),
        (np.zeros(8), r"expected an \(H, W\) array.*got \(8,\); pass a field on a grid"),
        (
            np.array([[1, np.nan], [np.inf, 1]]),
            "expected finite values, got '2 NaN or infinite of 4'; look for",
        ),
    ],
)
def test_what_is_not_a_field_is_refused_in_words(field: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.plot_field(field)
    with pytest.raises(ValueError, match=f"prediction: {words}"):
        pk.plot_fields(prediction=field)


def test_further_refusals() -> None:
    with pytest.raises(
        ValueError, match=r"expected values above 0 for a log scale, got 0\.0; plot it on a linear"
    ):
        pk.plot_field(RAMP, log=True)
    with pytest.raises(ValueError, match=r"coefficient: expected values above 0 for a log scale, got 0\.0"):
        pk.plot_fields(coefficient=RAMP, log=True)
    with pytest.raises(ValueError, match=r"coefficient: expected an \(H, W\) array.*or shape=problem.shape"):
        pk.plot_fields(coefficient=X)
    for shape in ((9, 9, 9), (4, 9), (9,)):
        with pytest.raises(ValueError, match=r"reference: expected one sample on the grid \(.*got \(5, 9\)"):
            pk.plot_fields(reference=RAMP, shape=shape)
    with pytest.raises(
        ValueError, match=r"reference: expected one sample on the grid \(5, 9\).*got \(2, 5, 8\)"
    ):
        pk.plot_fields(coefficient=RAMP, reference=np.zeros((2, 5, 8)))
    with pytest.raises(ValueError, match="at least one field"):
        pk.plot_fields()
    with pytest.raises(ValueError, match=r"expected the reference's shape \(5, 9\), got \(3, 3\)"):
        pk.plot_fields(prediction=np.ones((3, 3)), reference=RAMP)


def test_the_norm_carries_the_mesh_width() -> None:
    """int x^2 = 1/3 exactly for a bilinear field, on any grid; a plain sum of squares fails."""
    assert l2_norm(RAMP) == pytest.approx(3**-0.5, rel=1e-14)
    assert l2_norm(np.broadcast_to(X[:, None], (9, 4))) == pytest.approx(3**-0.5, rel=1e-14)


def test_the_error_is_that_of_the_library() -> None:
    """The reference room assembles its norm with scikit-fem."""
    u, v = np.random.default_rng(0).normal(size=(2, 12, 7))
    assert relative_error(u, v) == pytest.approx(pk.relative_l2(u, v), rel=1e-12)
    u, v = np.random.default_rng(0).normal(size=(2, 3, 6, 7, 5))  # three components on a cube
    assert relative_error(u, v, dim=3) == pytest.approx(pk.relative_l2(u, v, components=True), rel=1e-12)
    assert relative_error(u, 0 * v, dim=3) == float("inf")


@pytest.mark.parametrize(
    ("values", "shape", "expected"),
    [
        (np.arange(6.0).reshape(2, 3), (2, 3), np.arange(6.0).reshape(2, 3)),
        (np.arange(3.0), (2, 3), [[0, 1, 2], [0, 1, 2]]),
        (5.0, (2, 2), [[5, 5], [5, 5]]),
        (np.array([5.0]), (2, 2), [[5, 5], [5, 5]]),
        (np.stack([np.full((2, 2), 3.0), np.full((2, 2), -4.0)]), (2, 2), [[5, 5], [5, 5]]),
        (np.arange(27.0).reshape(3, 3, 3), (3, 3, 3), np.arange(9.0, 18.0).reshape(3, 3)),
    ],
    ids=["map", "line", "number", "one number", "vectors", "cube"],
)
def test_any_field_has_a_picture(values, shape: tuple[int, ...], expected) -> None:
    np.testing.assert_array_equal(picture(values, shape), expected)
