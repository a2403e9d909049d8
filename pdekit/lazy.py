"""Public names that are loaded on first use (PEP 562), so that a process loads only what it needs."""

import importlib
from collections.abc import Callable, Mapping


def loader(package: str, home: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of `package`, whose public names live in the modules that `home` tells."""

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"{package} has no public name {name!r}; it has {', '.join(sorted(home))}")
        return getattr(importlib.import_module(home[name]), name)

    return load
