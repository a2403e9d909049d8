"""The one error of this room."""

from collections.abc import Sequence


class ClusterError(RuntimeError):
    """Engines did not start, died, hung or raised: says which rank, why, and what to do.

    `details` holds the traceback of the engine, or the end of its log, where there is one.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def raised(ranks: Sequence[int], words: str, details: str = "") -> ClusterError:
    """The error for `words` that `ranks` have raised."""
    who = f"Rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"
    return ClusterError(f"{who} raised {words}.", details)
