"""What engines say of themselves while they start, in the words of who waits for them."""

import os
from pathlib import Path

import pytest

from pdekit.cluster import stages


@pytest.mark.parametrize(
    ("said", "answered", "words"),
    [
        ([], 0, "starting Python on 3 of 3 ranks"),
        (["importing torch"], 0, "starting Python on 2 of 3 ranks"),
        (["importing torch", "joining MPI", "importing torch"], 0, "importing torch on 2 of 3 ranks"),
        (["connecting"] * 3, 0, "connecting on 3 of 3 ranks"),
        (["connecting"] * 3, 2, "connecting on 1 of 3 ranks"),
        (["connecting"] * 3, 3, ""),
    ],
)
def test_those_who_are_furthest_behind_are_named(said: list[str], answered: int, words: str) -> None:
    assert stages.in_words(said, 3, answered) == words


def test_an_engine_has_one_word_at_a_time(tmp_path: Path) -> None:
    assert stages.said(tmp_path) == []
    for stage in stages.STAGES[1:]:
        stages.say(tmp_path, stage)
        (tmp_path / "stage-1").write_text("joining MPI")  # another
        assert sorted(stages.said(tmp_path)) == sorted([stage, "joining MPI"])
    assert (tmp_path / f"stage-{os.getpid()}").exists()
    assert stages.in_words(["importing torch"], 1, 0) == "importing torch on 1 of 1 rank"
