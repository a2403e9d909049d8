"""The ranks' timeline: bars of the right length at the right place."""

import numpy as np
import pytest

import pdekit as pk


def history(table: list) -> pk.History:
    """Of seconds (compute, communication) of each step and rank."""
    made = pk.History(size=len(table[0]))
    for number, ranks in enumerate(table, start=1):
        step = pk.Step(number, 1.0, 1.0, 16, 1e-3, 1.0, ranks[0][1], 1, 8, ranks[0][0], 4)
        made.extend([step], np.array([[[*pair, 8] for pair in ranks]]))
    return made


def test_each_rank_has_its_compute_waiting_and_messages_one_behind_the_other() -> None:
    """Rank 1 computes twice as long: rank 0 waits for it. Fails if steps start before the slowest is done."""
    one = history([[(1.0, 9.0), (1.0, 9.0)], [(1.0, 1.5), (2.0, 0.5)], [(1.0, 1.5), (2.0, 0.5)]])
    compute, waiting, transfer = pk.plot_ranks(one, last=2).data
    assert list(compute.y) == ["rank 0", "rank 1"] * 2
    np.testing.assert_allclose(np.array(compute.base, dtype=float), [0, 0, 2.5, 2.5])
    np.testing.assert_allclose(compute.x, [1, 2, 1, 2])
    np.testing.assert_allclose(np.array(waiting.base, dtype=float), [1, 2, 3.5, 4.5])
    np.testing.assert_allclose(waiting.x, [1, 0, 1, 0])
    np.testing.assert_allclose(np.array(transfer.base, dtype=float), [2, 2, 4.5, 4.5])
    np.testing.assert_allclose(transfer.x, [0.5] * 4)
    assert [trace.name for trace in (compute, waiting, transfer)] == [
        "compute 60%",
        "waiting 20%",
        "transfer 20%",
    ]
    assert list(compute.hovertext) == ["step 2"] * 2 + ["step 3"] * 2


def test_a_step_starts_when_the_slowest_rank_is_done() -> None:
    compute, *_ = pk.plot_ranks(history([[(1.0, 0.0), (3.0, 0.0)]] * 2)).data
    np.testing.assert_allclose(np.array(compute.base, dtype=float), [0, 0, 3, 3])


def test_a_rank_that_was_not_asked_has_no_bar() -> None:
    alone = pk.History(size=2)
    alone.append(pk.Step(1, 1.0, 1.0, 16, 1e-3, 1.0, 0.25, 1, 8, 0.75, 4))
    compute, waiting, transfer = pk.plot_ranks(alone).data
    assert np.isnan(compute.x[1]) and (compute.x[0], transfer.x[0], waiting.x[0]) == (0.75, 0.25, 0.0)


def test_one_process_only_computes() -> None:
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), samples=4, batch=2, steps=3))
    compute, waiting, transfer = pk.plot_ranks(solver.run(), last=2).data
    np.testing.assert_allclose(compute.x, solver.history.compute[-2:])
    assert not waiting.x.any() and not transfer.x.any()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="history: expected at least one step"):
        pk.plot_ranks(pk.History())
    with pytest.raises(ValueError, match="last: expected"):
        pk.plot_ranks(history([[(1.0, 0.0)]]), last=0)
