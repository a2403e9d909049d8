"""The controller side: engines on this machine's MPI, started, watched and stopped; the door to ipyparallel.

Names are loaded on first use: a process that is to become an engine does not load the client.
"""

import importlib

_HOME = {
    "Cluster": "pdekit.cluster.cluster",
    "ClusterError": "pdekit.cluster.errors",
    "RemoteSolver": "pdekit.cluster.remote",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"pdekit.cluster has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)
