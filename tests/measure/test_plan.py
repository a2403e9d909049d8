"""What a plan stands for, by hand, and what it refuses."""

import json

import pytest

import pdekit as pk
from pdekit.measure.plan import powers
from pdekit.scaling.piece import Piece
from tests.measure.conftest import EXPERIMENT


def test_strong_and_weak_scaling_share_what_they_have_in_common(plan: pk.Plan) -> None:
    """Fails if the same step of one rank is measured twice, or if weak scaling keeps the global batch."""
    steps = [(p.ranks, p.global_batch) for p in plan.pieces() if p.kind == "step"]
    assert steps == [(1, 4), (2, 4), (2, 8)]
    assert [(p.kind, p.ranks, p.bytes) for p in plan.pieces()[:4]] == [
        ("ping-pong", 2, 8), ("ping-pong", 2, 64), ("allreduce", 2, 8), ("allreduce", 2, 64)
    ]  # fmt: skip


def test_all_pieces_take_turns_there_and_back(plan: pk.Plan) -> None:
    """Fails if a piece is repeated before the others had their turn, and if no round runs backwards."""
    pieces, turns = plan.pieces(), plan.turns()
    assert len(turns) == 4 * len(pieces)
    rounds = [[piece for number, piece in turns if number == r] for r in range(4)]
    assert turns == [(r, piece) for r in range(4) for piece in rounds[r]]
    assert rounds == [pieces, pieces[::-1], pieces, pieces[::-1]]


def test_messages_between_machines_are_another_piece(plan: pk.Plan) -> None:
    """Fails if the ping-pong stays on one machine, or its time is taken for that of the other."""
    several = pk.Plan(ranks=(2, 4), scaling=(), bytes=(8,))
    pieces = several.pieces(["a", "a", "b", "b"])
    assert [(p.kind, p.ranks, p.nodes, p.partner, p.world) for p in pieces] == [
        ("ping-pong", 2, 1, 1, 2), ("ping-pong", 2, 2, 2, 3), ("allreduce", 2, 1, 0, 2), ("allreduce", 4, 2, 0, 4)
    ]  # fmt: skip
    assert len({p.key for p in pieces}) == 4
    assert [p.nodes for p in several.pieces(["a", "b", "c", "d"])] == [2, 2, 4]


def test_its_experiments_differ_in_what_is_varied_alone() -> None:
    plan = pk.Plan((1,), (16, 32), 4, optimizers=("adamw", "lbfgs"), bytes=(), experiment=EXPERIMENT)
    made = {str(p): plan.experiment_of(p) for p in plan.pieces()}
    assert [(e.problem.resolution, e.optimizer, e.batch, e.grids) for e in made.values()] == [
        (n, name, 4, "single") for name in ("adamw", "lbfgs") for n in (16, 32)
    ]
    whole = plan.experiment_of(Piece("step", 1, resolution=16, global_batch=4, optimizer="lbfgs"))
    assert whole.samples == 4  # a line search on all samples
    assert all(e.generator == pk.UNet(width=2, depth=2) for e in made.values())


def test_it_can_be_written_and_read(plan: pk.Plan) -> None:
    assert type(plan).read(json.loads(json.dumps(plan.values()))) == plan


def test_it_fits_the_world() -> None:
    assert (
        powers(1) == (1,) and powers(2) == (1, 2) and powers(6) == (1, 2, 4, 6) and powers(8) == (1, 2, 4, 8)
    )
    assert pk.Plan.upto(3, bytes=()).ranks == (1, 2, 3)
    assert pk.Plan.upto(3, ranks=(2,)).ranks == (2,)
    assert pk.Plan((1,)).resolutions == (32, 64)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ranks": (0, 2)}, "ranks: expected a whole number, at least 1, got 0"),
        ({"ranks": ("two",)}, "ranks: expected a whole number"),
        ({"bytes": (6,)}, "bytes: expected multiples of 4, float32 numbers, got 6; give 8"),
        ({"rounds": 0}, "rounds: expected"),
        ({"global_batch": 0}, "global_batch: expected"),
        ({"scaling": ("strong", "strange")}, "scaling: expected one of 'strong', 'weak', got 'strange'"),
        ({"optimizers": ("magic",)}, "optimizers: expected one of 'sgd'"),
        ({"resolutions": (17,)}, "the nearest size that works"),
        ({"threads": (0,)}, "threads: expected"),
        ({"experiment": "Experiment(speed=1)"}, "'speed'"),
        ({"scaling": (), "bytes": ()}, "expected something to measure"),
        ({"scaling": (), "ranks": (1,)}, "expected something to measure"),
    ],
)
def test_what_cannot_be_measured_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError) as refusal:
        pk.Plan(**{"ranks": (1, 2), **settings})
    assert words in str(refusal.value)
