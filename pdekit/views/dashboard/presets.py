"""Questions that a minute or two of playing answers, each with the settings to begin from."""

from dataclasses import dataclass

from pdekit.train import Experiment


@dataclass(frozen=True)
class Preset:
    """A `question`, an experiment as one line to begin with, on how many `ranks`, and what to do (`hint`).

    `slow` is the factor by which the last rank computes longer. `answer` says what was seen on two cores.
    """

    name: str
    question: str
    text: str
    hint: str
    answer: str
    ranks: int = 2
    slow: float = 1.0

    @property
    def experiment(self) -> Experiment:
        """The settings to begin with."""
        return Experiment.parse(self.text)


PRESETS = ()
