"""The commands of `python -m train`: options, and a call of the module that does the work."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.errors import TrainError


def _parser(subparsers, name: str, does: str, example: str) -> argparse.ArgumentParser:  # noqa: ANN001
    return subparsers.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog=f"example:\n  python -m train {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_prepare(subparsers) -> None:  # noqa: ANN001
    """`prepare SOURCE OUT`."""
    parser = _parser(
        subparsers,
        "prepare",
        "convert scans with reference labels to a dataset",
        "LiTS/ data/lits --window 60 200",
    )
    parser.add_argument("source", metavar="SOURCE", help="a LiTS or Decathlon folder, or phantom:N")
    parser.add_argument("out", metavar="OUT", type=Path, help="the dataset folder to write")
    parser.add_argument("--window", type=float, nargs=2, default=(40, 400), metavar=("CENTER", "WIDTH"))
    parser.add_argument("--val", type=float, default=0.2, help="share of scans for validation (default 0.2)")
    parser.add_argument(
        "--empty", type=float, default=0.2, help="share of slices without liver (default 0.2)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_prepare)


def _prepare(args: argparse.Namespace) -> int:
    from liverseg.windowing import Window
    from train.prepare import PrepareSettings, prepare

    settings = PrepareSettings(Window(*args.window), args.val, args.seed, args.empty)
    problems = prepare(args.source, args.out, settings)
    if problems:
        raise TrainError(f"{len(problems)} scans were left out; each is named above.")
    return 0


def add_fit(subparsers) -> None:  # noqa: ANN001
    """`fit RUN --data ...`."""
    parser = _parser(
        subparsers,
        "fit",
        "train a network, or resume its training",
        "runs/b0 --data data/lits:0.8:0.3 --data data/msd-liver:0.2 --samples 60000",
    )
    parser.add_argument("out", metavar="RUN", type=Path, help="the run folder; one begun before is resumed")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        type=_data,
        metavar="DIR[:SHARE[:LESIONS]]",
        help="dataset, its share of the samples, share of those with painted lesions; may be repeated",
    )
    parser.add_argument(
        "--validation", default="", metavar="DIR", help="scored on (default: the first --data)"
    )
    parser.add_argument("--architecture", default="segformer-b0")
    parser.add_argument("--decoder-width", type=int, help="of the decode head, instead of the published one")
    parser.add_argument("--init", metavar="RUN", help="start from this run's weights")
    parser.add_argument("--samples", type=int, default=60_000, help="training length (default 60000)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the weights' average")
    parser.add_argument("--window", type=float, nargs=2, default=(60.0, 200.0), metavar=("CENTER", "WIDTH"))
    parser.add_argument("--working-size", type=int, default=256, help="longer side of a slice when scoring")
    parser.add_argument(
        "--working-range", type=int, nargs=2, default=(225, 400), metavar=("LOW", "HIGH"), help="in training"
    )
    parser.add_argument("--crop", type=int, default=256, help="side of a training sample")
    parser.add_argument("--tumour-weight", type=float, default=2.0, help="in the cross-entropy")
    parser.add_argument("--score-every", type=int, default=5_000, metavar="SAMPLES")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples (default 1)")
    parser.add_argument("--threads", type=int, help="of the network (default: the processors)")
    parser.set_defaults(run=_fit)


def _data(text: str) -> tuple[str, float, float]:
    folder, *numbers = text.split(":")
    try:
        share, lesions = (*map(float, numbers), *(1.0, 0.0)[len(numbers) :])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIR[:SHARE[:LESIONS]]") from None
    return folder, share, lesions


def _fit(args: argparse.Namespace) -> int:
    from train.fit import FitSettings, fit

    fields = set(FitSettings.__dataclass_fields__) & set(vars(args))
    chosen = {name: getattr(args, name) for name in fields}
    chosen |= {name: tuple(chosen[name]) for name in ("data", "window", "working_range")}
    print(fit(FitSettings(**chosen), args.out, args.workers, args.threads))
    return 0


def add_evaluate(subparsers) -> None:  # noqa: ANN001
    """`evaluate REF --data DIR`."""
    parser = _parser(
        subparsers,
        "evaluate",
        "score a checkpoint on a dataset",
        "segformer-b0 --data data/lits --csv scans.csv",
    )
    parser.add_argument("ref", metavar="REF", help="a checkpoint of the registry: name or name@version")
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset")
    parser.add_argument("--split", default="val")
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: the checkpoint's own)")
    parser.add_argument("--alone", action="store_true", help="hide the neighbouring slices")
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row a scan")
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> int:
    from liverseg.segmenter import Segmenter
    from train.dataset import DatasetFolder
    from train.evaluate import evaluate

    segmenter = Segmenter.load(args.ref, engine=args.engine)
    result = evaluate(
        DatasetFolder.open(args.data).load(args.split),
        args.split,
        segmenter.engine.run,
        segmenter.checkpoint.manifest.input.context_slices,
        segmenter.threshold if args.threshold is None else args.threshold,
        context=not args.alone,
    )
    print(json.dumps(result.entry(), indent=2))
    if args.csv:
        args.csv.write_text(result.csv(), encoding="utf-8")
    return 0


def add_export(subparsers) -> None:  # noqa: ANN001
    """`export RUN CHECKPOINT --name ...`."""
    parser = _parser(
        subparsers,
        "export",
        "turn a run's weights into a checkpoint",
        "runs/b0 registry/bundled/segformer-b0 --name segformer-b0 --version 1.0.0 --data data/lits:val",
    )
    parser.add_argument(
        "weights", metavar="RUN", type=Path, help="a run folder (its best weights) or a weights file"
    )
    parser.add_argument("out", metavar="CHECKPOINT", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--title", default="", help="one line for people")
    parser.add_argument("--licence", default="cc-by-sa-4.0")
    parser.add_argument(
        "--working-size", type=int, required=True, help="pixels of the longer side in the graph"
    )
    parser.add_argument("--context-slices", type=int, choices=(1, 3), default=3)
    parser.add_argument(
        "--threshold", type=float, help="tumour threshold (default: the best on the first --data)"
    )
    parser.add_argument("--replace", action="store_true", help="write over another checkpoint in the folder")
    parser.add_argument("--note", default="", help="added to the protocol of the first --data")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="DIR[:SPLIT]",
        help="evaluated on; the first is the headline",
    )
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> int:
    from train.dataset import DatasetFolder
    from train.export import ExportSettings, export
    from train.runs import load_run

    evaluations = []
    for text in args.data:
        folder, _, split = text.partition(":")
        evaluations.append((DatasetFolder.open(folder), split or "val"))
    settings = ExportSettings(
        args.name,
        args.version,
        args.title,
        args.licence,
        args.working_size,
        args.context_slices,
        args.threshold,
        args.note,
        args.replace,
    )
    checkpoint = export(load_run(args.weights), args.out, settings, evaluations)
    print(json.dumps({"ref": checkpoint.ref, "headline": checkpoint.manifest.headline()}, indent=2))
    return 0
