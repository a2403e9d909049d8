"""Two measurements compared, and one as a table: by hand."""

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling import report
from pdekit.scaling.comparison import in_seconds
from pdekit.scaling.piece import Piece, in_bytes
from pdekit.scaling.series import every
from pdekit.scaling.shown import rows, title

HOST = {
    "model": "Fast 9000",
    "virtual": False,
    "sockets": 1,
    "processors": 4,
    "governors": [],
    "caches": {},
    "cores": 4,
}


def machine(**changed: object) -> dict:
    return {"hosts": {"a": HOST | changed}, "ranks": ["a", "a"], "versions": {"MPI": "mpich 5"}}


def message(bytes: int, *seconds: float, kind: str = "allreduce") -> list[pk.Trial]:
    return [pk.Trial(kind, 2, s, number, bytes=bytes) for number, s in enumerate(seconds)]


def steps(ranks: int, batch: int, *seconds: float, waits: float = 0.0) -> list[pk.Trial]:
    """Each rank but the first is in messages for a tenth of a step; the first for `waits` of it longer."""
    names = {
        "resolution": 16,
        "global_batch": batch,
        "optimizer": "sgd",
        "memory": (10**8,) * (ranks - 1) + (3 * 10**8,),
    }
    share = [0.1 + waits, *[0.1] * (ranks - 1)] if ranks > 1 else [0.0]
    return [
        pk.Trial("step", ranks, s, k, communication=tuple(s * part for part in share), **names)
        for k, s in enumerate(seconds)
    ]


def test_a_change_is_clear_if_the_rounds_lie_apart() -> None:
    """Quartiles of 1, 2, 3 are 1.5 and 2.5. Fails with means, or if the order of the two is mixed up."""
    before = pk.Measurement([*message(8, 1, 2, 3), *message(64, 1, 2, 3), *message(9, 1)], machine())
    after = pk.Measurement(
        [*message(64, 9, 10, 11), *message(8, 1, 3, 5), *message(4, 1)], machine(model="Slow 1")
    )
    found = pk.compare_measurements(before, after)
    eight, more = found.pieces
    assert (eight.piece, eight.before, eight.after, eight.ratio) == (
        Piece("allreduce", 2, bytes=8),
        2,
        3,
        1.5,
    )
    assert (eight.low, eight.high) == (2 / 2.5, 4 / 1.5) and not eight.clear
    assert (more.ratio, more.low, more.high, more.clear) == (5, 9.5 / 2.5, 10.5 / 1.5, True)
    assert found.machine == {"a, model": ("Fast 9000", "Slow 1")}
    assert (found.only_before, found.only_after) == (1, 1)
    said = str(found).splitlines()
    assert said[0] == "machine: a, model was 'Fast 9000', is 'Slow 1'"
    assert said[1] == "1 of 2 pieces changed by more than their rounds differ"
    assert said[2] == "allreduce: 3.25 times as long, median of 2"
    assert said[3].startswith("5.00 (3.80 to 7.00)") and said[3].endswith(
        "2 s -> 10 s  allreduce of 64 B, 2 ranks"
    )


def test_measurements_of_other_things_are_not_compared() -> None:
    with pytest.raises(
        ValueError, match="compare: expected two measurements with pieces in common, got 'none'"
    ):
        pk.compare_measurements(
            pk.Measurement(message(8, 1)), pk.Measurement(message(8, 1, kind="ping-pong"))
        )


def test_rows_of_strong_and_weak_scaling() -> None:
    """4 samples in 1 s on one rank; on 2 ranks 4 in 0.8 s, 8 in 1.25 s. Fails if weak scaling counts the same work."""
    trials = [*steps(1, 4, 0.9, 1.0, 1.2), *steps(2, 4, 0.8, 0.8, waits=0.2), *steps(2, 8, 1.25)]
    strong = next(one for one in every(pk.Measurement(trials), "strong") if one.batch == 4)
    assert title(strong) == "strong scaling: sgd, grid 16, batch 4"
    one, two = rows(strong)
    assert (one.ranks, one.seconds, one.least, one.most, one.speedup, one.efficiency) == (
        1,
        1.0,
        0.9,
        1.2,
        1,
        1,
    )
    assert (two.speedup, two.efficiency) == (
        pytest.approx(1.1875),
        pytest.approx(0.59375),
    )  # of 0.9 and 1.0 / 0.8
    assert (two.communication, two.waiting, two.memory) == (pytest.approx(0.2), pytest.approx(0.1), 3 * 10**8)
    assert np.isnan(one.serial) and two.serial == pytest.approx((1 / 1.1875 - 1 / 2) / (1 - 1 / 2))
    found = next(one for one in every(pk.Measurement(trials), "weak") if one.batch == 4)
    assert title(found) == "weak scaling: sgd, grid 16, batch 4 on each rank"
    _, weak = rows(found)
    assert np.isnan(weak.serial)
    assert (weak.batch, weak.speedup, weak.efficiency) == (8, pytest.approx(1.44), pytest.approx(0.72))


def test_without_one_rank_the_fewest_are_the_yardstick_and_the_title_says_so() -> None:
    (found,) = every(pk.Measurement([*steps(2, 4, 0.8), *steps(4, 4, 0.5)]), "strong")
    assert [row.speedup for row in rows(found)] == [2, 3.2] and title(found).endswith(
        "; 2 ranks taken to be perfect"
    )
    assert np.isnan([row.serial for row in rows(found)]).all()


def test_the_table_has_the_speedup_of_the_figure() -> None:
    """A ratio of medians would be 1.6, the median of the ratios of each round is 1."""
    trials = pk.Measurement([*steps(1, 4, 0.8, 1.0, 0.5), *steps(2, 4, 0.8, 0.5, 0.5)])
    (found,) = every(trials, "strong")
    points = next(trace for trace in pk.plot_speedup(trials).data if trace.name == "measured")
    assert [row.speedup for row in rows(found)] == list(points.y) == [1, 1]


def test_the_report_has_steps_messages_and_what_not_to_trust() -> None:
    trials = [*steps(1, 4, 1.0), *steps(2, 4, 0.5), *message(8, 1e-6, 3e-6), *message(2**21, 0.002)]
    text = report(pk.Measurement(trials, {"warnings": ["a: others kept 1.0 of 2 cores busy"]}))
    assert "strong scaling: sgd, grid 16, batch 4" in text and "2.00        100%" in text
    assert "allreduce, 2 ranks: 8 B 2 µs, 2 MiB 2 ms" in text
    assert text.endswith("What not to trust:\n  a: others kept 1.0 of 2 cores busy")
    assert report(pk.Measurement()) == "nothing was measured"


def test_units() -> None:
    assert [in_bytes(n) for n in (8, 1024, 1536, 2**20)] == ["8 B", "1 KiB", "1.5 KiB", "1 MiB"]
    assert [in_seconds(s) for s in (2.5, 0.0123, 4.5e-5, 1e-3)] == ["2.5 s", "12.3 ms", "45 µs", "1 ms"]


def test_one_world_size_is_told_too() -> None:
    where = {"resolution": 32, "global_batch": 8, "optimizer": "adamw"}
    found = pk.Measurement(
        [pk.Trial("step", 1, seconds, round=k, **where) for k, seconds in enumerate((0.3, 0.1, 0.2))]
    )
    assert report(found) == "adamw, grid 32, batch 8, 1 rank: 200 ms a step"
