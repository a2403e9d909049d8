"""The parts of a checkpoint: their names, what they say of themselves, and how they are opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pdekit import checks
from pdekit.train.seal import damage

FORMAT, NUMBER = "pdekit checkpoint", 2
INTACT = "the bytes that were written"


def name_of_part(part: int, parts: int) -> str:
    """The file's name of one rank's part."""
    return f"part-{part}-of-{parts}.safetensors"


def mark(step: int, part: int, parts: int) -> dict[str, str]:
    """What a part's metadata say, so that it is not taken for another's."""
    return {"format": FORMAT, "step": str(step), "part": f"{part} of {parts}"}


@contextmanager
def opened(path: Path, step: int, part: int, parts: int, check: bool = False) -> Iterator[safe_open]:
    """One part of the checkpoint `path`; with `check`, each of its bytes is looked at. ValueError if it is not that."""
    file, expected = path / name_of_part(part, parts), mark(step, part, parts)
    try:
        with safe_open(file, framework="pt") as content:
            said = content.metadata() or {}
            if {name: said.get(name) for name in expected} != expected:
                raise refusal(file, f"a part of {path.name}, {expected}", said)
            if check and (changed := damage(file)):
                raise refusal(file, INTACT, changed)
            yield content
    except (OSError, SafetensorError) as error:
        raise refusal(file, "a whole safetensors file", str(error)) from error


def refusal(path: Path, expected: str, got: object) -> ValueError:
    """The error for what is no whole checkpoint, or a file of one."""
    return checks.refuse(str(path), expected, got, "copy it again if you have it elsewhere")
