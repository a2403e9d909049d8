"""Solutions remembered on disk by the content of their problem, shared by every process that asks for the same one."""

import hashlib
import io
import logging
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

FORMAT = 1  # raise it when a solver's answers change: all that was remembered is then solved again
DISK_LIMIT = 2**30  # bytes
MEMORY_LIMIT = 2**28  # bytes
MEMORY_COUNT = 512  # arrays
STALE = 3600.0  # seconds after which a half-written file is nobody's any more

Part = str | bytes | np.ndarray

log = logging.getLogger(__name__)


def digest(parts: Part | Iterable[Part]) -> str:
    """sha256, in hexadecimal, of the key's parts: texts, bytes, and arrays by dtype, shape and content.

    Every part is hashed with its kind and length, so that ("ab", "c") and ("a", "bc") differ.
    """
    whole = hashlib.sha256(f"pdekit reference {FORMAT}".encode())
    for part in (parts,) if isinstance(parts, str | bytes | np.ndarray) else parts:
        if isinstance(part, np.ndarray):
            kind, content = f"{part.dtype.str} {part.shape}", part.tobytes()
        elif isinstance(part, str):
            kind, content = "text", part.encode()
        elif isinstance(part, bytes):
            kind, content = "bytes", part
        else:
            raise TypeError(
                f"key: expected texts, bytes or arrays, got {type(part).__name__}; give repr(...) of it"
            )
        whole.update(f"\n{kind} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def folder() -> Path | None:
    """Where solutions are kept: $PDEKIT_CACHE, $XDG_CACHE_HOME/pdekit or ~/.cache/pdekit; None: nowhere.

    An empty PDEKIT_CACHE, and a user without a home, keep nothing on disk.
    """
    own = os.environ.get("PDEKIT_CACHE")
    if own is not None:
        return Path(own) / "references" if own else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: relative paths are invalid and ignored
        base = os.path.expanduser("~/.cache")
    return Path(base) / "pdekit" / "references" if os.path.isabs(base) else None


class Cache:
    """Arrays by key: the latest in memory, all on disk under `place` (None: memory only) up to `limit` bytes."""

    def __init__(self, place: Path | None, limit: int = DISK_LIMIT) -> None:
        self.place, self.limit = place, limit
        self.latest: OrderedDict[str, np.ndarray] = OrderedDict()

    def remember(self, key: str, solve: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of `key` (from `digest`), read-only; solved if neither memory nor disk has it."""
        if key not in self.latest:
            array = self._read(key)
            if array is None:
                array = np.array(solve(), order="C")
                self._write(key, array)
            array.setflags(write=False)
            self.latest[key] = array
        self.latest.move_to_end(key)
        while len(self.latest) > MEMORY_COUNT or (
            len(self.latest) > 1 and sum(a.nbytes for a in self.latest.values()) > MEMORY_LIMIT
        ):
            self.latest.popitem(last=False)
        return self.latest.get(key)

    def _read(self, key: str) -> np.ndarray | None:
        """The array on disk, or None where there is none that is whole and belongs to `key`."""
        if self.place is None:
            return None
        try:
            content = (self.place / f"{key}.npy").read_bytes()
        except OSError:  # not there, or no access: it is solved instead
            return None
        content, seal = content[:-32], content[-32:]
        if seal != _seal(key, content):
            log.info("a damaged or foreign file in the cache of references: %s.npy is solved again", key)
            return None
        return np.load(io.BytesIO(content), allow_pickle=False)

    def _write(self, key: str, array: np.ndarray) -> None:
        """Write beside, then rename: other processes see the whole file or none. Without a disk: do nothing."""
        if self.place is None:
            return
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(suffix=".part", prefix=key, dir=self.place)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content + _seal(key, content))
                os.replace(beside, self.place / f"{key}.npy")
            except OSError:
                Path(beside).unlink(missing_ok=True)
                raise
            self._prune()
        except OSError as error:  # a full or read-only disk must not end a run
            log.info("references are kept in memory only: %s", error)
            self.place = None

    def _prune(self) -> None:
        """Delete the oldest files until the rest fits the limit; only files that a cache wrote."""
        files = []
        for file in self.place.iterdir():
            if len(file.name.split(".")[0]) < 64 or file.suffix not in (".npy", ".part"):
                continue
            try:
                about = file.stat()
            except FileNotFoundError:  # another process renamed or pruned it
                continue
            files.append((about.st_mtime, about.st_size, file))
        total = sum(size for _, size, file in files if file.suffix == ".npy")
        for age, size, file in sorted(files):
            if file.suffix == ".part":
                if time.time() - age > STALE:
                    file.unlink(missing_ok=True)
            elif total > self.limit:
                file.unlink(missing_ok=True)
                total -= size


def _seal(key: str, content: bytes) -> bytes:
    """32 bytes at a file's end that show it whole, and written for this key."""
    return hashlib.sha256(key.encode() + content).digest()


@lru_cache(maxsize=8)
def _cache(place: Path | None) -> Cache:
    return Cache(place)


def remember(key: Part | Iterable[Part], solve: Callable[[], np.ndarray]) -> np.ndarray:
    """The array that `solve()` returns, read-only, from memory or disk if the same `key` was solved before.

    `key` holds everything that the answer depends on: a solver's name, the repr of the problem, its data as arrays
    or bytes. Safe to call from several processes at once: each finds a whole file, or solves for itself.
    """
    return _cache(folder()).remember(digest(key), solve)
