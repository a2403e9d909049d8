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


_SMALL = "generator=UNet(width=8), dtype='float64', grids='single', steps=60"

PRESETS = (
    Preset(
        "One loss",
        "Does the loss know how many ranks there are?",
        f"Experiment(problem=Poisson(resolution=32), samples=64, batch=8, {_SMALL})",
        "Train, press Compare, set World size to 1, and train again.",
        "No: the shares of the ranks add up. The two curves differ by 1e-11 at most in 60 steps. In 32 bits the sums "
        "are rounded in another order, which Adam makes visible after some ten steps: try it in the last section.",
    ),
    Preset(
        "A norm that sees one rank",
        "What does a batch norm of one rank's samples do?",
        f"Experiment(problem=Poisson(resolution=32), samples=64, batch=4, {_SMALL})".replace(
            "width=8", "width=8, norm='rank'"
        ),
        "Train, press Compare, set World size to 1, and train again. Then norm (section Generator): batch, all ranks.",
        "Two ranks train another network than one does: the first losses agree, as the network starts at zero, and "
        "from the second on they differ, by up to 0.2 in 60 steps. Synchronised, they differ by 1e-11.",
    ),
    Preset(
        "Mean of means",
        "What if each rank takes the mean of its own share?",
        f"Experiment(problem=Poisson(resolution=32), samples=63, batch=3, mean='ranks', {_SMALL})",
        "Train, press Compare, set World size to 1, and train again. Then Mean (section Ranks): over the samples.",
        "Of 3 samples one rank has 2 and the other 1, which then counts twice: the losses differ by 0.3 at the first "
        "step and by up to 0.6 later. Where the batch divides evenly nobody notices, which is why it is a trap.",
    ),
    Preset(
        "Who waits for whom",
        "One rank computes four times as long. What do the others do?",
        "Experiment(problem=Poisson(resolution=32), samples=256, batch=8, steps=300, grids='single')",
        "Train, look at the ranks, then set Last rank (section Ranks) to off while it trains.",
        "They wait: each step ends with one sum over all ranks. A step took 139 ms instead of 35 ms, and the quick "
        "rank spent 76 % of it waiting, instead of 7 %.",
        slow=4.0,
    ),
    Preset(
        "Larger batches",
        "Does a larger batch train better?",
        "Experiment(problem=Poisson(resolution=32), samples=512, batch=8, steps=200, grids='single')",
        "Train, press Compare, and see the same 1,600 samples again: batch 32 with 50 steps, batch 2 with 800.",
        "Not for the same samples: a mean error of the 16 small pictures of 5.7 % with batch 2, 6.1 % with 8, 8.8 % "
        "with 32, as there are fewer steps. But batch 2 took three times as long as 32: larger batches keep the ranks "
        "busier, with fewer messages.",
    ),
    Preset(
        "Few large steps",
        "Why does L-BFGS need so few steps: is it the method, or the head?",
        "Experiment(problem=Poisson(resolution=32), optimizer='lbfgs', head='galerkin', steps=20, grids='single')",
        "Train, press Compare, then choose the head plain; then galerkin again with adamw, batch 8 and 200 steps.",
        "The head: 1.0 % mean error of the 16 small pictures after 20 steps, with the plain head 24 %, 16 % after 60. "
        "With the head adamw comes to 0.6 % in the same time, in 200 steps: L-BFGS sends a tenth of the messages.",
    ),
    Preset(
        "What is averaged",
        "The mean of the samples' energies, or of their logarithms?",
        "Experiment(problem=Poisson(resolution=32), samples=512, batch=8, steps=200, grids='single')",
        "Train, press Compare, then Objective (section Loss, head, grids): mean. Look at the error, as losses of two "
        "kinds cannot be compared.",
        "Of the logarithms: a mean error of the 16 small pictures of 6 % against 20 %. A few samples have energies a "
        "hundred times those of others, and in the plain mean they are all that counts.",
    ),
    Preset(
        "Small grids first",
        "Is it worth it to begin on a small grid?",
        "Experiment(problem=Poisson(resolution=64), samples=512, batch=8, steps=300)",
        "Train: the grid changes from 32 x 32 to 64 x 64 at step 240. Press Compare. Then set Grids (section Loss, "
        "head, grids) to single and Steps to 200, which takes as long, and train again. Which error is smaller at the "
        "end?",
        "Not in so short a run of a U-Net: it has to learn its new grid, and ends at 12.3 % for the first sample, 10.2 "
        "% on the mean of the 16, against 6.2 and 6.6 % for 64 x 64 alone; in longer runs the two are level (lesson "
        "4). A network that knows no grid gains: FNO comes to 4.5 % so, and to 7.7 % on 64 x 64 alone, on the mean of "
        "the 16.",
    ),
    Preset(
        "Another size",
        "Does a network know the size that it was trained on?",
        "Experiment(problem=Poisson(resolution=64), generator=FNO(), samples=512, batch=8, steps=300, "
        "grids='coarse-to-fine')",
        "Train, and watch the error at step 240, where 32 x 32 becomes 64 x 64: both are drawn, with the same network. "
        "Press Compare, choose the Generator UNet, and train again.",
        "FNO, the Fourier neural operator, hardly: 6.6 % on the small grid are 7.4 % on the large one, without a step "
        "on it (first sample; on the mean of the 16, 5.1 and 5.4 %). The U-Net does: its stencils are measured in "
        "nodes, and 5.7 % become 16.0 % (6.2 and 16.8 %).",
    ),
    Preset(
        "A small loss",
        "Does a small loss mean a small error?",
        "Experiment(problem=Burgers(resolution=32, residual='upwind'), samples=64, batch=8, steps=300)",
        "Train, press Compare, then residual muscl (section Problem).",
        "No: upwind has the lower loss, 0.14 against 0.22, and the larger error, 33 % against 10 % (mean of the 16). "
        "Its zero moves shocks with the wrong speed, and training comes close to that zero.",
    ),
)
