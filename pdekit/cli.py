"""The command `pdekit`: its verbs and their options. What a verb needs is imported when it runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pdekit
from pdekit import launched
from pdekit.measure import options

THREADS = "per rank (default 1); auto: as many as fit the cores"


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, from one rank."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(refused(f"{message}; `{self.prog} --help` lists what there is"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status: 0 done, 1 failed, 2 asked for what cannot be, 130 interrupted."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser().parse_args(given, argparse.Namespace(given=given))
    try:
        return arguments.run(arguments)
    except BrokenPipeError:  # of `| head`, which has read enough: nothing to say, and nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = Parser(prog="pdekit", description=pdekit.__doc__.splitlines()[0])
    verbs = top.add_subparsers(title="verbs", required=True, metavar="VERB", parser_class=Parser)

    verb = verbs.add_parser("lab", help="open JupyterLab on the first lesson")
    verb.add_argument("--port", type=int, help="default: 8888, or the next free one")
    verb.add_argument(
        "--no-browser", action="store_true", help="print the address instead of opening a browser"
    )
    verb.set_defaults(run=lab)

    verb = verbs.add_parser(
        "doctor", help="check the installation: what works, what is missing, and the remedy"
    )
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=doctor)

    verb = verbs.add_parser(
        "train", help="train an experiment, also under mpiexec: mpiexec -n 2 pdekit train"
    )
    verb.add_argument(
        "experiment", nargs="?", help="a line as printed by str(experiment), instead of the options"
    )
    for name, kind in {
        "resolution": int,
        "steps": int,
        "rate": float,
        "samples": int,
        "batch": int,
        "seed": int,
    }.items():
        verb.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS)
    verb.add_argument("--optimizer", default=argparse.SUPPRESS, help="such as adamw (the default) or lbfgs")
    verb.add_argument("--threads", type=threads, default=1, help=THREADS)
    verb.add_argument("--curve", type=Path, metavar="FILE.csv", help="write held-out error against seconds")
    verb.add_argument(
        "--history", type=Path, metavar="FILE", help="write every step to FILE.parquet or FILE.csv"
    )
    verb.add_argument("--tensorboard", type=Path, metavar="DIR", help="write every step for TensorBoard")
    verb.add_argument(
        "--checkpoints", type=Path, metavar="DIR", help="write checkpoints there while training"
    )
    verb.add_argument("--every", type=int, default=argparse.SUPPRESS, help="steps between two (default 100)")
    verb.add_argument(
        "--keep", type=int, default=argparse.SUPPRESS, help="the last ones stay (default 3), and the best"
    )
    verb.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on from the newest checkpoint in DIR, or from DIR"
    )
    verb.add_argument(
        "--code", action="store_true", help="with --resume: run the functions in its experiment"
    )
    verb.set_defaults(run=train)

    verb = verbs.add_parser(
        "predict",
        help="apply a saved generator, also under mpiexec: pdekit predict rocks.safetensors 0:16 -o u.h5",
    )
    verb.add_argument("model", type=Path, metavar="MODEL", help="a file that solver.save wrote")
    verb.add_argument(
        "input",
        metavar="INPUT",
        help="a global sample (7), a range of them (0:16), or arrays: a .npy, a folder of these, an HDF5 file",
    )
    verb.add_argument("-o", "--out", type=Path, metavar="OUT.h5", required=True)
    verb.add_argument("--vtk", type=Path, metavar="DIR", help="an image for ParaView of each field, too")
    verb.add_argument("--resolution", type=int, help="default: that of the model's problem")
    verb.add_argument("--dataset", default="", metavar="NAME", help="the one to read of an HDF5 file")
    verb.add_argument(
        "--code", action="store_true", help="run the functions of its author that a model may have"
    )
    verb.add_argument("--threads", type=threads, default=1, help=THREADS)
    verb.set_defaults(run=predict)

    verb = verbs.add_parser(
        "scale", help="measure how training scales on this machine, or on the ranks of mpiexec or srun"
    )
    options.add(verb)
    verb.set_defaults(run=scale)

    verb = verbs.add_parser("version", help="print the version")
    verb.set_defaults(run=version)
    return top


def threads(text: str) -> int | None:
    """The value of --threads; None for auto."""
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number or auto, got {text!r}")
    return None if text == "auto" else int(text)


def refused(message: object) -> int:
    """Say on one rank why the input cannot be used; the exit status for it."""
    if launched.rank() == 0:
        print(f"pdekit: {message}", file=sys.stderr)
    return 2


def lab(arguments: argparse.Namespace) -> int:
    from pdekit import lab

    try:
        lab.serve(Path.cwd(), arguments.port, browser=not arguments.no_browser)
    except lab.LabError as reason:
        return refused(reason)
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    from pdekit import doctor

    return doctor.report(as_json=arguments.json)


def train(arguments: argparse.Namespace) -> int:
    set_threads(arguments.threads)
    from pdekit import batch

    return batch.train(arguments)


def predict(arguments: argparse.Namespace) -> int:
    set_threads(arguments.threads)
    from pdekit import inference

    return inference.predict(arguments)


def scale(arguments: argparse.Namespace) -> int:
    set_threads(1)
    from pdekit.measure import command

    return command.scale(arguments)


def set_threads(count: int | None) -> None:
    """Tell OpenMP, which reads it when torch is loaded; ends the command for a `count` below 1.

    None is for later: how many fit, the ranks find out together.
    """
    if count == 0:
        raise SystemExit(refused("threads: expected a whole number, at least 1, got 0; leave it out for 1"))
    if count:
        os.environ["OMP_NUM_THREADS"] = str(count)
    # threads that spin while they wait starve the other ranks
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def version(arguments: argparse.Namespace) -> int:
    print(pdekit.__version__)
    return 0
