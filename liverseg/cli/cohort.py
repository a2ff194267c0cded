"""`python -m liverseg cohort`: thousands of scans on Ray, with tables and a summary page."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from liverseg.cli.options import add_lesion_cut, formats
from liverseg.io import FORMATS

if TYPE_CHECKING:
    from liverseg.cohort.run import CohortProgress

_EXAMPLE = """examples:
  python -m liverseg cohort /data/scans --out /results/study
  python -m liverseg cohort scans.csv --out results --formats nifti --workers 4
  python -m liverseg cohort s3://bucket/scans --out /shared/results --address auto
  python -m liverseg cohort hf://datasets/owner/name --out results

SOURCE may be a list: CSV or Parquet with a column `path` and an optional column `series`. DIR is a folder
that every node of the cluster can reach. After an interruption, run the same command again for the rest.
"""
_PROGRESS_INTERVAL_S = 10.0
_REQUIRED_PACKAGES = ("ray", "pyarrow", "fsspec")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `cohort SOURCE --out DIR` and its options to the command line."""
    parser = subparsers.add_parser(
        "cohort",
        help="segment every scan of a folder tree or list, on Ray",
        description="Segment every scan of a folder, bucket or list, and write tables and a summary page.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="a folder, file or list; a path or fsspec address")
    parser.add_argument("--out", metavar="DIR", required=True, help="write the tables and results there")
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: segformer-b0")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="address of a Ray cluster; default: start one here"
    )
    parser.add_argument(
        "--workers", type=_positive, metavar="N", help="number of workers; default: one for each processor"
    )
    parser.add_argument("--threads", type=_positive, metavar="N", help="threads of each worker; default: 1")
    parser.add_argument(
        "--memory", type=float, metavar="GB", help="memory of each worker; default: an equal share"
    )
    parser.add_argument(
        "--formats", type=formats, default=(), metavar="LIST",
        help=f"results also written for each scan: comma-separated, of {','.join(FORMATS)}",
    )  # fmt: skip
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="tumour probability from which a pixel is tumour; default: the checkpoint's",
    )
    add_lesion_cut(parser)
    parser.add_argument(
        "--keep-all", action="store_true", help="keep every connected component, not the largest alone"
    )
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def run(args: argparse.Namespace) -> int:
    """Run a cohort. Returns the exit status: 1 if an input was refused or failed."""
    missing = [name for name in _REQUIRED_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Cohorts need {', '.join(missing)}: pip install 'liverseg[cohort]'.", file=sys.stderr)
        return 1
    from liverseg.cohort.run import CohortOptions, run_cohort
    from liverseg.core.labels import check_threshold

    if args.threshold is not None:
        check_threshold(args.threshold)
    options = CohortOptions(
        checkpoint=args.checkpoint,
        engine=args.engine,
        threshold=args.threshold,
        lesion_cut=args.lesion_cut,
        keep_all=args.keep_all,
        formats=args.formats,
        address=args.address,
        workers=args.workers,
        threads=args.threads,
        budget_bytes=None if args.memory is None else round(args.memory * 1e9),
    )
    outcome = run_cohort(
        args.source,
        args.out,
        options,
        on_progress=_progress_display(),
        on_message=_print_progress,
    )
    print(
        f"{outcome.rows} scans in the table, {outcome.already} of them from an earlier run; "
        f"{outcome.failures} refused or failed, {outcome.aside} left out; "
        f"{outcome.seconds:.0f} s"
    )
    print(f"wrote {args.out}/summary.html, scans.csv, lesions.csv, failures.csv")
    return int(outcome.failures > 0)


def _progress_display() -> Callable[[CohortProgress], None]:
    """A function that shows progress on standard error: a bar on a terminal, elsewhere lines."""
    return _progress_bar() if sys.stderr.isatty() else _progress_lines()


def _progress_bar() -> Callable[[CohortProgress], None]:
    from tqdm import tqdm

    bar = tqdm(unit="scan", smoothing=0)  # the rate of the whole run, as in the lines

    def show(progress: CohortProgress) -> None:
        bar.total = progress.scans
        if progress.failed:
            bar.set_postfix_str(f"{progress.failed} failed", refresh=False)
        ended = progress.done + progress.failed
        bar.update(ended - bar.n)
        if ended == progress.scans:
            bar.close()

    return show


def _progress_lines() -> Callable[[CohortProgress], None]:
    """Prints at most every `_PROGRESS_INTERVAL_S` seconds, and at the end; a bar does not fit into a log."""
    last = time.monotonic()

    def show(progress: CohortProgress) -> None:
        nonlocal last
        ended = progress.done + progress.failed
        if ended < progress.scans and time.monotonic() - last < _PROGRESS_INTERVAL_S:
            return
        last = time.monotonic()
        left = progress.seconds / ended * (progress.scans - ended)
        failed = f", {progress.failed} failed" if progress.failed else ""
        _print_progress(
            f"{ended} of {progress.scans} scans{failed}, {3600 * ended / progress.seconds:.0f} an hour, "
            f"{left / 3600:.1f} hours left"
        )

    return show


def _print_progress(sentence: str) -> None:
    """Print on standard error; a run of hours goes on where nobody reads it any more."""
    with contextlib.suppress(BrokenPipeError):
        print(sentence, file=sys.stderr, flush=True)
