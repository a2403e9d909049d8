"""The controller side: engines on this machine's MPI, started, watched and stopped; the door to ipyparallel.

Names are loaded on first use: a process that is to become an engine does not load the client.
"""

from pdekit.lazy import loader

_HOME = {
    "Cluster": "pdekit.cluster.cluster",
    "ClusterError": "pdekit.cluster.errors",
    "RemoteSolver": "pdekit.cluster.remote",
}

__all__ = sorted(_HOME)
__getattr__ = loader(__name__, _HOME)
