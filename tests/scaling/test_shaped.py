"""What the benchmark on shaped cables makes of its measurements: here of times that a formula has made up."""

import numpy as np
import pytest

import pdekit as pk
from tests.benchmarks import scaling_shaped as shaped

LATENCY, MEGABITS = 1e-4, 100.0
BANDWIDTH = MEGABITS * 1e6 / 8 * 1448 / 1514


def took(ranks: int, bytes: int) -> float:
    """Rabenseifner's algorithm on 2 to 8 ranks, by hand: rounds, and how often the bytes go over a cable."""
    rounds, moved = {2: (2, 1), 3: (4, 3), 4: (4, 1.5), 6: (6, 3.5), 8: (6, 1.75)}[ranks]
    return rounds * LATENCY + moved * bytes / BANDWIDTH


def measured(wire: float = 1.0) -> list[dict]:
    random = np.random.default_rng(0)
    found = [
        {"kind": "allreduce", "ranks": ranks, "bytes": bytes, "round": k, "seconds": took(ranks, bytes)}
        for ranks in (2, 3, 4, 6, 8)
        for bytes in shaped.SIZES
        for k in range(3)
    ]
    found.append({"kind": "ping-pong", "ranks": 2, "bytes": 4, "round": 0, "seconds": LATENCY})
    return [one | {"wire": wire, "seconds": one["seconds"] * random.uniform(0.99, 1.01)} for one in found]


def test_what_was_held_out_is_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    """All that is held out took three times as long: a fit that had seen it would say so."""
    found = measured()
    for one in found:
        if one["kind"] == "allreduce" and not (
            one["bytes"] in shaped.FITTED[0] and one["ranks"] in shaped.FITTED[1]
        ):
            one["seconds"] *= 3
    rows = shaped.compare(found, MEGABITS)
    assert len(rows) == 5 * len(shaped.SIZES) + 1
    held = [row for row in rows if row["held_out"]]
    assert {row["ranks"] for row in rows if row["held_out"] == 0} == set(shaped.FITTED[1])
    assert {row["bytes"] for row in rows if row["held_out"] == 0} == set(shaped.FITTED[0])
    assert {row["ranks"] for row in held} == {2, 3, 4, 6, 8}
    for row in held:
        assert row["predicted_s"] == pytest.approx(took(row["ranks"], row["bytes"]), rel=0.05)
        assert row["seconds"] == pytest.approx(3 * took(row["ranks"], row["bytes"]), rel=0.02)
        if row["bytes"] >= 2**20:
            assert row["model_s"] == pytest.approx(took(row["ranks"], row["bytes"]), rel=0.02)
    shaped.report(rows)
    assert "100 Mb/s: looks like rabenseifner" in capsys.readouterr().out


def test_bytes_that_went_another_way_are_noticed() -> None:
    with pytest.raises(RuntimeError, match=r"expected the messages on the cables, got .* 0\.00"):
        shaped.compare(measured(wire=0.0), MEGABITS)


def test_a_busy_machine_leaves_a_table_without_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured()
    for one in found:
        if one["bytes"] == 1024:
            one["seconds"] = 1.0
    rows = shaped.compare(found, MEGABITS)
    assert all(np.isnan(row["predicted_s"]) for row in rows)
    assert "no fit: seconds of allreduces" in capsys.readouterr().out


def test_the_table_holds_what_the_lesson_says() -> None:
    """At 100 Mb/s from 1 MB on: within a tenth of what was measured, fitted (sizes and world sizes held out) or not."""
    table = pk.table("scaling-shaped")
    large = (table["kind"] == "allreduce") & (table["megabits"] == 100) & (table["bytes"] >= 2**20)
    for column, rows in (("predicted_s", large & (table["held_out"] == 1)), ("model_s", large)):
        errors = np.abs(table[column][rows] / table["seconds"][rows] - 1)
        assert len(errors) >= 10 and np.median(errors) < 0.1
    assert np.all(np.abs(table["on_wire"][large] - 1) < 0.02)  # no more bytes than an allreduce takes
