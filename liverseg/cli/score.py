"""`python -m liverseg score`: compare results with references that a person or another tool made."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.cli.batch import folder_names
from liverseg.cli.measure import MAP_HELP
from liverseg.cli.options import add_reading_options, settings_of
from liverseg.cli.output import print_refusal
from liverseg.cli.score_cases import Case, cases_of_csv, cases_of_folders
from liverseg.errors import InvalidSetting, LiversegError

if TYPE_CHECKING:
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.score_files import ScoredImage

_EXAMPLE = """examples:
  python -m liverseg score scan.nii.gz --reference truth.nii.gz --out score          (segments the scan)
  python -m liverseg score labels.nii.gz --reference truth.seg.nrrd --scan scan.nii.gz --out score
  python -m liverseg score series/ --reference rtstruct.dcm --reference-map liver=Liver,tumour=GTV
  python -m liverseg score results/ --reference references/ --out scores             (matched by name)
  python -m liverseg score pairs.csv --out scores            (columns result and reference; optional case)
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `score INPUT --reference MASK` and its options to the command line."""
    parser = subparsers.add_parser(
        "score",
        help="compare results with references: Dice, surface distances, lesions found",
        description="Compare a result with a reference: the measures of LiTS, surface distances, lesions "
        "found, missed and false, and burden. A scan is segmented first.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", metavar="INPUT", help="labels, a scan, a folder of results, or a CSV file of pairs"
    )
    parser.add_argument(
        "--reference",
        metavar="MASK",
        help="NIfTI, NRRD, MetaImage, DICOM SEG, RTSTRUCT or PNG; for a folder of results a folder of them",
    )
    parser.add_argument("--map", metavar="MAP", help=f"for INPUT: {MAP_HELP}")
    parser.add_argument("--reference-map", metavar="MAP", help="the same for the reference")
    parser.add_argument("--scan", metavar="SCAN", help="the scan under the pictures, if INPUT is labels")
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version, to segment a scan")
    add_reading_options(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the scores and pictures of the worst slices")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score one case or several; print a table or JSON. Returns the exit status: 1 if a case was refused."""
    # Imported late, so that `--help` and wrong usage stay quick.
    from liverseg.io.write import make_folder

    scorer = _Scorer(args)
    source = Path(args.input)
    reference = None if args.reference is None else Path(args.reference)
    out = make_folder(args.out) if args.out else None
    unmatched: list[str] = []
    if reference is None:
        if source.suffix.lower() != ".csv":
            raise InvalidSetting("Give the reference with --reference, or a CSV file of pairs.")
        cases = cases_of_csv(source)
    elif source.is_dir() and reference.is_dir():
        cases, unmatched = cases_of_folders(source, reference)
    else:
        return _score_one(scorer, Case("", source, reference), out, args.json)
    if args.scan is not None:
        raise InvalidSetting("--scan is for one case: leave it out.")
    for name in unmatched:
        print(f"left out, without a partner: {name}", file=sys.stderr)
    return _score_all(scorer, cases, out, args.json)


def _score_one(scorer: _Scorer, case: Case, out: Path | None, as_json: bool) -> int:
    from liverseg.analysis.score_report import score_json, score_table
    from liverseg.io.score_files import write_score

    scored = scorer(case)
    written = [] if out is None else write_score(out, scored, scorer.settings.window)
    if as_json:
        print(score_json(scored.ct, scored.result, scored.reference, scored.score), end="")
        return 0
    print(score_table(scored.score), end="")
    for path in written:
        print(f"wrote {path}")
    return 0


def _score_all(scorer: _Scorer, cases: list[Case], out: Path | None, as_json: bool) -> int:
    import json

    from liverseg.analysis.score_report import ScoredCase, summary_of, summary_table
    from liverseg.io.score_files import write_score, write_scores
    from liverseg.io.write import make_folder

    done = []
    for case, folder in zip(cases, folder_names([case.name for case in cases]), strict=True):
        try:
            scored = scorer(case)
        except LiversegError as refusal:
            print_refusal(refusal, f"{case.name}: ")
            done.append(ScoredCase(case.name, refusal=str(refusal)))
            continue
        if out is not None:
            write_score(make_folder(out / folder), scored, scorer.settings.window)
        done.append(ScoredCase(case.name, scored.score))
    written = [] if out is None else write_scores(out, done)
    summary = summary_of(done)
    print(json.dumps(summary, indent=2) + "\n" if as_json else summary_table(summary), end="")
    if not as_json:
        for path in written:
            print(f"wrote {path}")
    return int(any(case.score is None for case in done))


class _Scorer:
    """Scores cases with the options of one command; a checkpoint is loaded once."""

    def __init__(self, args: argparse.Namespace) -> None:
        from liverseg.io.masks.mapping import parse_map

        self.settings = settings_of(args)
        self._maps = [None if text is None else parse_map(text) for text in (args.map, args.reference_map)]
        self._scan = args.scan
        self._load = _loader(args)

    def __call__(self, case: Case) -> ScoredImage:
        """The score of a case. Raises a `LiversegError` as reading and segmenting do."""
        from liverseg.analysis.score import score
        from liverseg.core.slicing import check_slice, single_slice, single_slice_segmentation
        from liverseg.io.masks.frame import common_frame
        from liverseg.io.masks.read import labels_on, read_mask
        from liverseg.io.masks.recognise import is_mask
        from liverseg.io.score_files import ScoredImage
        from liverseg.pipeline import analyse_image, read_timed

        index = self.settings.slice_index
        reference = read_mask(case.reference)
        if is_mask(case.result):
            mask = read_mask(case.result)
            ct = (
                common_frame(mask, reference)
                if self._scan is None
                else read_timed(self._scan, self.settings)[0]
            )
            expected = labels_on(reference, ct, self._maps[1])
            result = labels_on(mask, ct, self._maps[0])
        else:
            if self._scan is not None or self._maps[0] is not None:
                raise InvalidSetting("INPUT is a scan: --scan and --map are for labels.")
            ct, _ = read_timed(str(case.result), self.settings)
            expected = labels_on(reference, ct, self._maps[1])  # refuses another grid before the network runs
            result = analyse_image(ct, self._load(), self.settings).seg
        if index is not None:
            check_slice(ct, index)
            result, expected = (single_slice_segmentation(seg, index) for seg in (result, expected))
            ct = single_slice(ct, index)
        return ScoredImage(ct, result, expected, score(ct, result, expected))


def _loader(args: argparse.Namespace) -> Callable[[], Segmenter]:
    """Loads the checkpoint on the first call."""
    from functools import cache

    from liverseg.inference.segmenter import Segmenter

    return cache(lambda: Segmenter.load(args.checkpoint, engine=args.engine))
