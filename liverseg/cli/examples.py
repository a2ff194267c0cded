"""`python -m liverseg examples`: list the examples of the page, and prepare their results."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liverseg.app.examples import Examples
    from liverseg.app.state.checkpoints import Checkpoints
    from liverseg.app.state.session import PageAnalysis

_EXAMPLE = """example:
  python -m liverseg examples --prepare
  computes what is missing, so that the page opens with a finished result at once
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `examples` and its options to the command line."""
    parser = subparsers.add_parser(
        "examples",
        help="list the examples of the page and prepare their results",
        description="List the examples of the page. LIVERSEG_EXAMPLES names a folder or "
        "hf://datasets/owner/name with other ones than the built-in ones; docs/examples.md says how.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prepare", action="store_true", help="compute the results that are missing")
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: the page's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List or prepare the examples. Returns 1 if one of them cannot be used."""
    # Imported late, so that `--help` and the other commands stay quick.
    from liverseg.app.examples import VARIABLE, Examples, folder_for_examples
    from liverseg.app.state.checkpoints import Checkpoints

    with TemporaryDirectory(prefix="liverseg-examples-") as private:
        examples = Examples(folder_for_examples(Path(private)), os.environ.get(VARIABLE, ""))
        examples.open()
        for problem in examples.problems:
            print(problem, file=sys.stderr)
        failed = len(examples.problems)
        if not args.prepare:
            for example in examples.list:
                print(f"{example.title} · {example.licence}")
        else:
            failed += _prepare(examples, Checkpoints(), args.checkpoint)
    return 1 if failed else 0


def _prepare(examples: Examples, checkpoints: Checkpoints, ref: str | None) -> int:
    """Prepare every example; prints a line for each and returns the number of those that failed."""
    from liverseg.errors import LiversegError

    checkpoint, failed = checkpoints.find(ref), 0
    for example in examples.list:
        try:
            made = examples.prepare(example.key, checkpoint, lambda: checkpoints.segmenter(checkpoint.ref))
        except LiversegError as error:
            print(f'The example "{example.title}" cannot be used: {error}', file=sys.stderr)
            failed += 1
        else:
            print(_line(example.title, made))
    return failed


def _line(title: str, made: PageAnalysis) -> str:
    """Title, checkpoint and lesions of a result, and how near it is to the truth where that is known."""
    from liverseg.analysis.metrics.lesion_detection import label_lesions, score_detection
    from liverseg.app.html.examples import dice_sentence
    from liverseg.core.segmentation import TUMOUR

    head = f"{title} · {made.seg.checkpoint.ref}"
    found = len(made.report.likely_lesions)
    dice = None if made.voxels is None else made.voxels.truth_dice
    if dice is None or made.example is None or made.example.truth is None:
        return f"{head} · {found} lesion{'' if found == 1 else 's'}"
    lesions = [label_lesions(labels == TUMOUR, True) for labels in (made.seg.labels, made.example.truth)]
    matched = score_detection(*lesions, min_overlap=0)
    hits, false = sum(matched.reference_found), matched.predicted_true.count(False)
    return f"{head} · {hits} of {lesions[1].number} lesions found, {false} false · {dice_sentence(dice)}"
