"""`python -m train lesions`: fit the lesion model on the candidates of a cross-validation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.options import command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `lesions CANDIDATES --data DIR [DIR ...] --threshold T --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "lesions",
        "fit the lesion model on the candidates of a cross-validation",
        "candidates.csv --data data/folds/fold-*/lits --threshold 0.5 --rules rules.json --out lesions.json",
    )
    parser.add_argument("candidates", type=Path, help="the table that `python -m train candidates` wrote")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="DIR", help="the datasets whose val scans it lists"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        required=True,
        help="the tumour threshold that the candidates were found at",
    )
    parser.add_argument(
        "--precision",
        type=float,
        default=0.6,
        help="least share of likely lesions in volumes that are real, on scans left out (default 0.6)",
    )
    parser.add_argument(
        "--slice-precision",
        type=float,
        default=0.5,
        help="the same in lone slices, where more depends on finding a lesion (default 0.5)",
    )
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="the volume_rules of the candidates, to be written too"
    )
    parser.add_argument("--note", default="", help="added to the record: which runs the candidates are of")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the JSON file to write, for `export --rules`"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the model for volumes and the one for lone slices, and print both. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.rules_file import read_rules
    from train.lesions.fit import SLICE_TERMS, VOLUME_LEAST_SLICES, VOLUME_TERMS, fit_lesion_model
    from train.lesions.read import read_candidates

    folders = [DatasetFolder.open(path) for path in args.data]
    record: dict = {"method": "logistic regression"}
    if args.note:
        record["fitted_on"] = args.note
    for mode, terms in (("volume", VOLUME_TERMS), ("slice", SLICE_TERMS)):
        table = read_candidates(args.candidates, mode, folders)
        if not len(table.real):
            continue
        # A lone slice of a scan with many lesions decides like one of a scan with few.
        alone = mode == "slice"
        least_slices = 1 if alone else VOLUME_LEAST_SLICES
        precision = args.slice_precision if alone else args.precision
        fit = fit_lesion_model(table, terms, precision, alone, least_slices)
        record[mode] = fit.record(table) | {"threshold": args.threshold}
        at, before = fit.at_cut, fit.before
        print(
            f"{mode}: {len(table.real)} candidates in {len(table.groups)}, AUC {fit.auc:.3f}; all: precision "
            f"{before.precision:.3f}, recall {before.recall:.3f}; from {fit.model.cut:g}: precision "
            f"{at.precision or 0:.3f}, recall {at.recall:.3f}, {at.false_per_scan:.2f} false ones each; "
            f"{at.tumour_free_with_lesion} of {len(table.tumour_free)} without tumour keep one "
            f"({before.tumour_free_with_lesion} before)"
        )
    rules = {**(read_rules(args.rules) or {}), "lesion_model": record}
    args.out.write_text(json.dumps(rules, indent=1) + "\n", encoding="utf-8")
    return 0
