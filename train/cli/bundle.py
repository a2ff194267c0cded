"""`python -m train bundle` and `unbundle`: datasets as one small file, and back."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `bundle DATA... --out FILE` and `unbundle FILE OUT` to the command line."""
    parser = command_parser(
        subparsers,
        "bundle",
        "compress datasets into one small file, to train on another machine",
        "data/lits data/lits-wide data/msd-liver --out data/bundle.zip --megabytes 60",
    )
    parser.add_argument("data", metavar="DATA", nargs="+", help="dataset folders")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--megabytes", type=float, default=60.0, help="largest size of it (default 60)")
    parser.add_argument(
        "--side", type=int, default=400, metavar="PX", help="longest side of a slice (default 400)"
    )
    parser.set_defaults(run=run)
    parser = command_parser(
        subparsers, "unbundle", "take the datasets out of a bundle", "data/bundle.zip data"
    )
    parser.add_argument("bundle", metavar="FILE", type=Path, help="a file of `bundle`")
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder of the dataset folders")
    parser.set_defaults(run=run_unbundle)


def run(args: argparse.Namespace) -> int:
    """Write the bundle; print its size, its quality and its error. Returns the exit status."""
    from train.data.bundle import write_bundle
    from train.data.dataset import DatasetFolder

    if args.megabytes <= 0 or args.side < 32:
        raise TrainError("--megabytes must be above 0 and --side at least 32.")
    folders = [DatasetFolder.open(path) for path in args.data]
    bundled = write_bundle(folders, args.out, int(args.megabytes * 1e6), args.side)
    errors = ", ".join(f"{name} {error:g} HU" for name, error in bundled.error_hu.items())
    print(f"{args.out}: {bundled.size / 1e6:.1f} MB, quality {bundled.quality}, error of the greys: {errors}")
    return 0


def run_unbundle(args: argparse.Namespace) -> int:
    """Write the dataset folders and print their paths. Returns the exit status."""
    from train.data.bundle import read_bundle

    for folder in read_bundle(args.bundle, args.out):
        print(folder)
    return 0
