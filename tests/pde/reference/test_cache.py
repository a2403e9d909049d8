"""The cache of references: right after damage, safe among processes, silent without a disk, bounded in size."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pdekit.pde.reference import cache


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test, and a memory that has seen nothing."""
    monkeypatch.setenv("PDEKIT_CACHE", str(tmp_path))
    cache._cache.cache_clear()
    yield tmp_path / "references"
    cache._cache.cache_clear()


class Counted:
    """A solve that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> np.ndarray:
        self.calls += 1
        return np.arange(6.0).reshape(2, 3)


def test_a_solution_is_solved_once_and_read_only(place: Path) -> None:
    solve = Counted()
    first, again = cache.remember("a", solve), cache.remember("a", solve)
    assert solve.calls == 1 and again is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1
    cache._cache.cache_clear()  # a new process, as it were
    np.testing.assert_array_equal(cache.remember("a", solve), np.arange(6.0).reshape(2, 3))
    assert solve.calls == 1
    assert not cache.remember("a", solve).flags.writeable
    assert [f.suffix for f in place.iterdir()] == [".npy"]
    np.testing.assert_array_equal(np.load(next(place.iterdir())), first)


def test_keys_differ_by_every_part_its_borders_dtype_and_shape() -> None:
    a = np.zeros((2, 3))
    keys = [
        "ab",
        b"ab",
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        a,
        a.T,
        a.astype(np.float32),
        (a.tobytes(),),
        ("a", np.ones(1)),
    ]
    assert len({cache.digest(key) for key in keys}) == len(keys)
    assert cache.digest(a.T) == cache.digest(np.ascontiguousarray(a.T))
    with pytest.raises(TypeError, match="repr"):
        cache.digest(("a", 3))


def test_a_changed_format_forgets_everything(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.digest("a")
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert cache.digest("a") != before


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "another's"])
def test_a_damaged_or_foreign_file_is_solved_again(place: Path, damage: str) -> None:
    solve = Counted()
    good = cache.remember("a", solve)
    file = next(place.iterdir())
    content = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(content[:-40])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "flipped":
        file.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    else:
        cache.remember("b", lambda: np.ones(3))
        other = next(f for f in place.iterdir() if f != file)
        file.write_bytes(other.read_bytes())
    cache._cache.cache_clear()
    np.testing.assert_array_equal(cache.remember("a", solve), good)
    assert solve.calls == 2
    assert file.read_bytes() == content  # and it is mended


def test_several_processes_may_ask_at_once(place: Path) -> None:
    program = (
        "import numpy as np\n"
        "from pdekit.pde.reference.cache import remember\n"
        "for k in range(20):\n"
        "    a = remember(f'k{k}', lambda: np.full((64, 64), float(k)))\n"
        "    assert a.shape == (64, 64) and (a == k).all()\n"
    )
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True)
            for _ in range(3)
        ]
    for run in runs:
        assert run.result().returncode == 0, run.result().stderr
    assert len(list(place.glob("*.npy"))) == 20 and not list(place.glob("*.part"))


def test_an_empty_setting_and_an_unwritable_folder_keep_to_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    solve = Counted()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PDEKIT_CACHE", "")
    cache._cache.cache_clear()
    assert cache.folder() is None
    assert cache.remember("a", solve) is cache.remember("a", solve)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PDEKIT_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.INFO):
        assert cache.remember("a", solve) is cache.remember("a", solve)
    assert "memory only" in caplog.text
    assert solve.calls == 2


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PDEKIT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "pdekit" / "references"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "pdekit" / "references"


def test_the_oldest_files_are_pruned_and_only_the_caches_own(place: Path) -> None:
    here = cache.Cache(place, limit=5 * (128 + 8 * 100 + 32))
    place.mkdir(parents=True)
    (place / "notes.npy").write_bytes(bytes(10_000))
    (place / f"{'0' * 64}old.part").write_text("left by a process that died")
    os.utime(place / f"{'0' * 64}old.part", (0, 0))
    keys = [cache.digest(str(k)) for k in range(8)]
    for k, key in enumerate(keys):
        here.remember(key, lambda k=k: np.full(100, float(k)))
        os.utime(place / f"{key}.npy", (1000 + k, 1000 + k))
    kept = {f.stem for f in place.glob("*.npy")}
    assert kept == {*keys[3:], "notes"}
    assert not list(place.glob("*.part"))


def test_memory_holds_a_bounded_number_of_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MEMORY_COUNT", 2)
    here, solve = cache.Cache(None), Counted()
    for key in "aba":
        here.remember(key, solve)
    here.remember("c", solve)
    assert list(here.latest) == ["a", "c"] and solve.calls == 3
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 50)
    here.remember("d", solve)
    assert list(here.latest) == ["d"]
