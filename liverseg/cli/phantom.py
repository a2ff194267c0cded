"""`python -m liverseg phantom`: write a synthetic CT and its reference labels."""

from __future__ import annotations

import argparse

from liverseg.errors import InvalidSetting

_EXAMPLE = """example:
  python -m liverseg phantom demo --kind volume --format dicom --seed 7
  writes demo/ct/slice_000.dcm ... and the reference labels as demo/labels.nii.gz
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `phantom OUT` and its options to the command line."""
    parser = subparsers.add_parser(
        "phantom",
        help="write a synthetic abdominal CT with known truth",
        description="Write a synthetic abdominal CT and its labels (0 background, 1 liver, 2 tumour).",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", help="a folder, or a file such as ct.png, ct.nii.gz or ct.dcm")
    parser.add_argument("--kind", choices=("slice", "volume"), default="slice", help="default: slice")
    parser.add_argument(
        "--format",
        choices=("png", "nifti", "dicom"),
        default=None,
        help="default: from the name of OUT, otherwise png",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same patient (default 0)"
    )
    parser.add_argument("--size", type=int, default=512, help="rows and columns (default 512)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make and write the phantom; print the paths written, one per line. Returns the exit status."""
    # Imported late, so that `--help` and the other commands stay quick.
    from liverseg.phantom import make, write
    from liverseg.phantom.files import format_of

    phantom = make(args.kind, seed=args.seed, size=args.size)
    try:
        paths = write(phantom, args.out, args.format or format_of(args.out))
    except OSError as failure:
        raise InvalidSetting(f"The phantom could not be written: {failure.strerror}.") from failure
    for path in paths:
        print(path)
    return 0
