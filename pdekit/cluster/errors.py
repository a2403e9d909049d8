"""The one error of this room."""


class ClusterError(RuntimeError):
    """Engines did not start, died, hung or raised: says which rank, why, and what to do.

    `details` holds the traceback of the engine, or the end of its log, where there is one.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
