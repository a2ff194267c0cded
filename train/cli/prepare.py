"""`python -m train prepare`: convert scans with reference labels to a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `prepare SOURCE OUT` to the command line."""
    parser = command_parser(
        subparsers,
        "prepare",
        "convert scans with reference labels to a dataset",
        "LiTS/ data/lits --window 60 200 --split train=0.7,val=0.2,test=0.1\n"
        "  python -m train prepare Task03_Liver/ data/msd --hu16 --jobs 8\n"
        "  python -m train prepare pictures/ data/own --picture-window 60 200 "
        "--mask-values 0=background,127=liver,255=tumour\n"
        "\nAn interrupted conversion is resumed by the same command.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder of LiTS (volume-N.nii, segmentation-N.nii), of lits-png (volume-N_i.png with masks), "
        "of the Decathlon (imagesTr, labelsTr), of pictures (images, and masks or labels), or phantom:N",
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="the dataset folder to write")
    _add_pixel_options(parser)
    _add_picture_options(parser)
    _add_split_options(parser)
    parser.add_argument("--jobs", type=int, help="parallel processes (default: one per CPU, up to 16)")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace OUT where it was started with other settings"
    )
    for option in ("name", "licence", "citation"):
        parser.add_argument(f"--{option}", help=f"{option} of the dataset (default: that of the source)")
    parser.set_defaults(run=run)


def _add_pixel_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pixels")
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--window",
        type=float,
        nargs=2,
        action="append",
        metavar=("CENTER", "WIDTH"),
        help="window in HU (default 40 400; for pictures, the window they were made with); two or three "
        "windows become colour channels",
    )
    how.add_argument("--hu16", action="store_true", help="no window: store HU + 1024 in 16 bits")
    group.add_argument(
        "--empty",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the slices with neither liver nor tumour to keep, evenly spaced (default 0.2)",
    )
    group.add_argument(
        "--mask-values",
        metavar="V=CLASS,…",
        help="the classes of the mask values, as in 0=background,127=liver,255=tumour or "
        "0=background,1=liver+tumour (either of them); default 0, 1, 2; a mask with another value is refused",
    )


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pictures as the source")
    group.add_argument("--masks", metavar="DIR", help="folder of the masks; SOURCE then holds the pictures")
    group.add_argument(
        "--picture-window",
        type=float,
        nargs=2,
        metavar=("CENTER", "WIDTH"),
        help="the window that the pictures were made with (default 40 400)",
    )
    group.add_argument(
        "--picture-offset", type=float, metavar="N", help="the pictures hold HU + N in 16 bits"
    )
    group.add_argument(
        "--keep-orientation",
        action="store_true",
        help="take the pictures as they are; otherwise scans in another than radiological orientation are "
        "turned",
    )
    group.add_argument(
        "--scan-pattern",
        metavar="REGEX",
        help="regular expression with (?P<scan>…) and (?P<index>…) for file names; the default matches "
        "volume-10_slice-012 and liver_7_33",
    )


def _add_split_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("splits")
    how = group.add_mutually_exclusive_group()
    how.add_argument(
        "--split", metavar="NAME=SHARE,…", help="shares of the scans (default train=0.8,val=0.2)"
    )
    how.add_argument("--val", type=float, metavar="SHARE", help="the same as --split train=1-SHARE,val=SHARE")
    how.add_argument(
        "--splits", type=Path, metavar="FILE", help="CSV (scan,split) or JSON with the split of each scan"
    )
    group.add_argument(
        "--groups",
        type=Path,
        metavar="FILE",
        help="CSV (scan,group) or JSON; scans of a group stay in one split, as LiTS scans 7 to 12 always do",
    )
    group.add_argument("--seed", type=int, default=0, help="seed of the random splits (default 0)")


def run(args: argparse.Namespace) -> int:
    """Convert the scans; raises `TrainError` at the end when some were left out. Returns the exit status."""
    from liverseg.core.window import DEFAULT_WINDOW, Window
    from train.data.intensity import Intensity
    from train.data.prepare import ConversionSettings, PrepareSettings, SplitSettings, prepare
    from train.data.prepare.labels import LabelMapping
    from train.data.prepare.parallel import default_jobs
    from train.data.prepare.settings import SCAN_PATTERN
    from train.data.prepare.splits import parse_shares, read_table

    if args.jobs is not None and args.jobs < 1:
        raise TrainError("--jobs must be at least 1.")
    picture_window = Window(*args.picture_window) if args.picture_window else DEFAULT_WINDOW
    windows = tuple(Window(*pair) for pair in args.window or ()) or (picture_window,)
    conversion = ConversionSettings(
        intensity=Intensity.hu16() if args.hu16 else Intensity(windows),
        empty_share=args.empty,
        labels=LabelMapping.parse(args.mask_values) if args.mask_values else LabelMapping(),
        picture_window=picture_window,
        picture_offset=args.picture_offset,
        scan_pattern=args.scan_pattern or SCAN_PATTERN,
        keep_orientation=args.keep_orientation,
    )
    shares = {"train": 0.8, "val": 0.2}
    if args.split:
        shares = parse_shares(args.split)
    elif args.val is not None:
        shares = {"train": 1 - args.val, "val": args.val}
    splitting = SplitSettings(
        shares=shares,
        seed=args.seed,
        groups=read_table(args.groups, "group") if args.groups else {},
        fixed=read_table(args.splits, "split") if args.splits else None,
    )
    settings = PrepareSettings(
        conversion,
        splitting,
        args.jobs or default_jobs(),
        args.masks,
        args.overwrite,
        args.name,
        args.licence,
        args.citation,
    )
    problems = prepare(args.source, args.out, settings)
    if problems:
        raise TrainError(
            f"{len(problems)} scans were left out, as listed above; the others are in {args.out}."
        )
    return 0
