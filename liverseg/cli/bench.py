"""`python -m liverseg bench`: compare the speed of liverseg with other libraries, with `benchmarks/speed`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
"""The source checkout that holds this package, or the folder that a wheel was installed into."""

_EXAMPLE = """examples:
  python -m liverseg bench
  python -m liverseg bench --sections slice,share --json
  python -m liverseg bench --write BENCHMARKS.md          (only the sections that were run are rewritten)
  python -m liverseg bench --guard                        (exit 1 if a ratio is worse than its baseline)
Install the other libraries with: pip install --constraint constraints.txt '.[train,bench]'
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `bench` and its options to the command line."""
    parser = subparsers.add_parser(
        "bench",
        help="compare the speed of liverseg with other libraries on this machine",
        description="Run liverseg and other libraries alternately on the same work with the same threads.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sections", metavar="LIST", help="comma-separated sections; default: all (see --list)"
    )
    parser.add_argument("--list", action="store_true", help="list the sections and stop")
    parser.add_argument("--json", action="store_true", help="print the rows and the machine as JSON")
    parser.add_argument("--quick", action="store_true", help="run tiny inputs to check that everything works")
    parser.add_argument("--threads", type=_threads, metavar="N", help="processors to use (default 2)")
    parser.add_argument("--write", metavar="PAGE", help="write the results to the page, BENCHMARKS.md")
    parser.add_argument(
        "--guard", action="store_true", help="compare the ratios with benchmarks/baseline.json"
    )
    parser.add_argument("--baseline", action="store_true", help="store the ratios as the new baseline")
    parser.set_defaults(run=run)


def _threads(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark. Returns the exit status: 1 where a section or the guard failed, or in a wheel."""
    if not (CHECKOUT / "benchmarks" / "speed").is_dir():
        print("The benchmark is part of the source checkout, not of the installed package.", file=sys.stderr)
        return 1
    sys.path.insert(0, str(CHECKOUT))  # the package may be installed from the checkout and run elsewhere
    from benchmarks.speed.command import run_command

    return run_command(args)
