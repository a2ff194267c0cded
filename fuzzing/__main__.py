"""`python -m fuzzing`: run hostile inputs; exit 1 if one is neither read nor refused properly."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from fuzzing import inputs
from fuzzing.trial import Trial
from fuzzing.workers import LIMIT_BYTES, LIMIT_S, run_all
from liverseg.core.cpu import usable_processors
from registry.closed_pipe import run_command

_EXAMPLE = """examples:
  python -m fuzzing --count 10000 --seed 1
  python -m fuzzing --seed 1 --only 4711 --keep failures
"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing",
        description="Read, segment and measure damaged and malformed files of every format.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10_000, help="number of inputs (default 10000)")
    parser.add_argument("--start", type=int, default=0, help="index of the first input (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the inputs (default 1)")
    parser.add_argument(
        "--only", type=int, nargs="+", metavar="K", help="run only the inputs of these indices"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=usable_processors(),
        help="number of processes (default: one per processor)",
    )
    parser.add_argument(
        "--rare", type=float, default=inputs.RARE_SHARE, help="share of decompression bombs and floods"
    )
    parser.add_argument(
        "--rule-only", action="store_true", help="segment with thresholds on HU, without a network"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="write the failing inputs (or those of --only) to this folder",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print the outcome; the exit status is 1 if a trial failed."""
    args = parse(arguments)
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # a termination ends the run early and prints the trials so far
    indices = args.only or range(args.start, args.start + args.count)
    started = time.monotonic()
    interval_s = 0.1 if sys.stderr.isatty() else 60.0
    with tqdm(total=len(indices), unit=" inputs", mininterval=interval_s, maxinterval=interval_s) as bar:

        def progress(done: int) -> None:
            bar.update(done - bar.n)

        trials = run_all(args.seed, indices, args.workers, args.rare, not args.rule_only, progress)
    result = summary(trials)
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result, indent=1) if args.json else as_text(result, trials if args.only else []))
    if args.keep:
        for trial in trials:
            if trial.is_wrong or args.only:
                folder = args.keep / f"{args.seed}-{trial.index}"
                folder.mkdir(parents=True, exist_ok=True)
                inputs.hostile(args.seed, trial.index, args.rare).write(folder)
    return 1 if result["wrong"] else 0


def summary(trials: Sequence[Trial]) -> dict:
    """Counts of the outcomes, the largest times and memory, and every failed trial."""
    passed = [trial for trial in trials if not trial.is_wrong]
    return {
        "inputs": len(trials),
        "families": dict(sorted(Counter(trial.family for trial in trials).items())),
        "outcomes": dict(Counter(trial.outcome for trial in passed).most_common()),
        "limits": {"seconds": LIMIT_S, "bytes": LIMIT_BYTES},
        "slowest_s": round(max((min(t.wall_s, t.cpu_s) for t in passed), default=0.0), 2),
        "slowest": [(t.index, t.family, round(t.wall_s, 2)) for t in _largest(passed, "wall_s")],
        "largest_peak_mb": round(max((t.peak_bytes for t in passed), default=0) / 2**20),
        "hungriest": [
            (t.index, t.family, round(t.peak_bytes / 2**20)) for t in _largest(passed, "peak_bytes")
        ],
        "wrong": [asdict(trial) for trial in trials if trial.is_wrong],
    }


def _largest(trials: Sequence[Trial], name: str) -> list[Trial]:
    return sorted(trials, key=lambda trial: -getattr(trial, name))[:5]


def as_text(result: dict, listed: Sequence[Trial]) -> str:
    """The summary and one line for each trial of `listed`."""
    lines = [
        f"{result['inputs']} inputs in {result['seconds']:.0f} s: "
        + ", ".join(f"{count} {outcome}" for outcome, count in result["outcomes"].items()),
        f"slowest {result['slowest_s']} s (limit {LIMIT_S:g}), "
        f"most memory {result['largest_peak_mb']} MB over the base (limit {LIMIT_BYTES >> 20})",
        f"{len(result['wrong'])} wrong",
    ]
    lines += [f"  {t['index']} {t['family']}: {t['outcome']} ({t['detail']})" for t in result["wrong"]]
    lines += [
        f"  {t.index} {t.family}: {t.outcome}, {t.wall_s:.2f} s, {t.peak_bytes >> 20} MB; {t.detail}"
        for t in listed
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_command(main))
