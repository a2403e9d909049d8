"""Numbers in words, and axes that are labelled with them."""

import numpy as np
import pytest

from pdekit.views import axes

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.5e-6, "1.5 µs"), (4e-10, "0.4 ns"), (0.02, "20 ms"), (1.0, "1 s"), (59.0, "59 s"), (60.0, "1 min"),
        (5400.0, "1.5 h"), (86400.0, "1 day"), (3e5, "3.47 days"),
    ],
)  # fmt: skip
def test_seconds_in_words(value: float, words: str) -> None:
    assert axes.seconds(value) == words.replace(" ", SPACE)


def test_sizes_have_a_prefix() -> None:
    words = [axes.with_unit(n, axes.SIZES, "B") for n in (8, 999.9, 1000, 4_905_252, 1e9)]
    assert words == [f"8{SPACE}B", f"1{SPACE}kB", f"1{SPACE}kB", f"4.91{SPACE}MB", f"1{SPACE}GB"]


def test_labels_grow_sparse_over_many_decades() -> None:
    few = axes.unit_ticks(10.0, 1e4, axes.SIZES, "B")
    assert few["ticktext"] == [f"10{SPACE}B", f"100{SPACE}B", f"1{SPACE}kB", f"10{SPACE}kB"]
    many = axes.unit_ticks(1.0, 1e9, axes.SIZES, "B")
    assert np.allclose(many["tickvals"], [1, 100, 1e4, 1e6, 1e8])


def test_a_label_at_each_number_of_ranks_while_there_is_room() -> None:
    assert axes.rank_ticks([1, 2, 3])["ticktext"] == ["1", "2", "3"]
    assert axes.rank_ticks(2 ** np.arange(13))["ticktext"] == ["1", "4", "16", "64", "256", "1024", "4096"]
    assert axes.rank_ticks(np.arange(1, 20))["ticktext"] == ["1", "2", "4", "8", "16", "32"]
