"""The options of `pdekit scale`; loads nothing that is heavy."""

import argparse
from pathlib import Path


def add(verb: argparse.ArgumentParser) -> None:
    """Give `verb` those of a plan, which keep out of the namespace where they are not given, and those of files."""
    numbers = {"type": int, "nargs": "+", "default": argparse.SUPPRESS}
    verb.add_argument("--ranks", metavar="P", help="world sizes (default 1, 2, 4, ... and all)", **numbers)
    verb.add_argument(
        "--resolutions", metavar="N", help="default: that of the experiment and half of it", **numbers
    )
    verb.add_argument("--threads", metavar="T", help="per rank (default 1)", **numbers)
    verb.add_argument("--bytes", metavar="B", help="of messages (default 8 B to 16 MiB)", **numbers)
    verb.add_argument(
        "--batch", type=int, default=argparse.SUPPRESS, dest="global_batch", metavar="B",
        help="samples of a step in all, and on each rank for weak scaling (default 8)",
    )  # fmt: skip
    verb.add_argument("--rounds", type=int, default=argparse.SUPPRESS, help="over all pieces (default 5)")
    words = {"nargs": "+", "default": argparse.SUPPRESS}
    verb.add_argument("--optimizers", metavar="NAME", help="default adamw lbfgs", **words)
    verb.add_argument("--scaling", metavar="KIND", help="strong or weak (default both)", **words)
    verb.add_argument("--experiment", default=argparse.SUPPRESS, help="a line as printed by str(experiment)")
    only = verb.add_mutually_exclusive_group()
    only.add_argument("--steps-only", action="store_true", help="no messages")
    only.add_argument("--messages-only", action="store_true", help="no steps")
    place = verb.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="FILE.jsonl", help="default scaling-HOST-TIME.jsonl")
    place.add_argument("--resume", type=Path, metavar="FILE", help="go on with a file that was interrupted")
    place.add_argument("--show", type=Path, metavar="FILE", help="measure nothing, show what is in FILE")
    verb.add_argument("--compare", type=Path, metavar="EARLIER", help="say what changed since that file")
