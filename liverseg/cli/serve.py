"""`liverseg serve`: serve the page on this machine, as `python app.py` does."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `serve [--port N]` to the command line."""
    parser = subparsers.add_parser(
        "serve",
        help="serve the page on this machine",
        description="Serve the page on this machine, as app.py does.",
        epilog="example: liverseg serve --port 7860",
    )
    parser.add_argument("--port", help="the port to serve on (default: 7860, or the next free one)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted. Returns the exit status."""
    from liverseg.app.launch import main

    return main([] if args.port is None else ["--port", args.port])
