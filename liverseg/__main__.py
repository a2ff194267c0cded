"""The command line, `python -m liverseg`.

Exit status: 0 done, 1 refused with one line that says why, 2 wrong usage, 130 Ctrl-C, 141 where nobody reads
the output any more.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from functools import partial

from liverseg import __version__
from liverseg.cli import (
    bench,
    cohort,
    compare,
    examples,
    follow,
    measure,
    packages,
    phantom,
    reproduce,
    score,
    segment,
    serve,
)
from liverseg.cli.output import print_refusal
from liverseg.errors import LiversegError
from registry.closed_pipe import run_command

INTERRUPTED = 130
"""The exit status after Ctrl-C, as in shells: 128 plus the number of the signal."""


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; each command sets `run` to the function that runs it."""
    parser = argparse.ArgumentParser(
        prog="python -m liverseg",
        description="Segment the liver and its tumours in CT. Research software, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"liverseg {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    made_here = (serve, segment, measure, score, compare, follow, reproduce, cohort, phantom, examples, bench)
    for command in (*made_here, packages):
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # show "?" where the terminal lacks "×" or "²"
            stream.reconfigure(errors="replace")
    return run_command(partial(_run, argv))


def _run(argv: Sequence[str] | None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except LiversegError as refusal:
        print_refusal(refusal)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; no file was left half written.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
