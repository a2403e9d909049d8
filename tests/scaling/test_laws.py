"""Laws of scaling against their authors' numbers and each other."""

import math

import numpy as np
import pytest

from pdekit.scaling import laws


def test_amdahl_and_gustafson_by_hand() -> None:
    np.testing.assert_allclose(laws.amdahl(0.1, [1, 2, 10, 1e12]), [1, 1 / 0.55, 1 / 0.19, 10], rtol=1e-9)
    # Gustafson (1988): 1,024 processors with serial shares of 0.4 to 0.8 % gain about 1,016 to 1,020
    np.testing.assert_allclose(laws.gustafson([0.004, 0.008], 1024), [1019.9, 1015.8], atol=0.05)
    assert laws.amdahl(0, 7) == laws.gustafson(0, 7) == 7 and laws.amdahl(1, 7) == laws.gustafson(1, 7) == 1


def test_karp_and_flatt_find_the_share_that_amdahl_was_given() -> None:
    ranks = np.array([2, 3, 64])
    np.testing.assert_allclose(laws.karp_flatt(laws.amdahl(0.07, ranks), ranks), 0.07)
    assert math.isnan(laws.karp_flatt(1.0, 1))
    assert laws.karp_flatt(2.2, 2) < 0  # more than ideal


def test_speed_up_and_efficiency_of_measured_times() -> None:
    np.testing.assert_allclose(laws.speed_up([2, 4, 8], [10.0, 5.0, 4.0]), [2, 4, 5])
    np.testing.assert_allclose(laws.efficiency([4, 1], [2.5, 8.0]), [0.8, 1])
    np.testing.assert_allclose(laws.efficiency([1, 2], [3.0, 4.0], "weak"), [1, 0.75])


def test_iso_efficiency_of_an_allreduce_by_its_formula() -> None:
    """Work W / P + 2 log2 P: W = 2 E / (1 - E) P log2 P (Grama, Gupta and Kumar 1993, adding n numbers)."""
    p = np.array([1, 2, 16, 4096])
    found = laws.iso_efficiency(lambda w, ranks: w / ranks + 2 * math.log2(ranks), p, 0.8, least=1e-3)
    np.testing.assert_allclose(found[1:], 8 * p[1:] * np.log2(p[1:]), rtol=1e-9)
    assert found[0] == 1e-3  # one rank is always efficient
    assert (
        laws.iso_efficiency(lambda w, ranks: 0.5 * w + 0.5 * w / ranks, 4, 0.8) == math.inf
    )  # Amdahl's limit


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: laws.amdahl(1.1, 2), "serial"),
        (lambda: laws.gustafson(0.5, 0), "ranks"),
        (lambda: laws.karp_flatt(0.0, 2), "speedup"),
        (lambda: laws.speed_up([1, 2], [1.0, math.nan]), "seconds"),
        (lambda: laws.efficiency([1], [1.0], "other"), "kind"),
        (lambda: laws.iso_efficiency(lambda w, p: w, 2, 1.0), "efficiency"),
    ],
)
def test_outside_of_their_domain_they_say_so(call, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        call()
