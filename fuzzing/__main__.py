"""`python -m fuzzing`: hostile inputs by the thousand; exit 1 where one was neither read nor refused."""

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

from fuzzing import inputs
from fuzzing.running import LIMIT_BYTES, LIMIT_S, run_all
from fuzzing.trial import Trial
from liverseg.core.cpu import usable_processors

_EXAMPLE = """examples:
  python -m fuzzing --count 10000 --seed 1
  python -m fuzzing --seed 1 --only 4711 --keep found
"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing",
        description="Put damaged and lying files of every format through reading, segmenting and measuring.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10_000, help="how many inputs (default 10000)")
    parser.add_argument("--start", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs (default 1)")
    parser.add_argument("--only", type=int, nargs="+", metavar="K", help="these inputs of the seed only")
    parser.add_argument(
        "--workers", type=int, default=usable_processors(), help="processes (default: processors)"
    )
    parser.add_argument("--rare", type=float, default=inputs.RARE_SHARE, help="share of bombs and floods")
    parser.add_argument("--rule-only", action="store_true", help="no network: segment by a rule on HU alone")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write what is wrong (or --only) there")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and say what came of them; the exit status is 1 where something is wrong."""
    args = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it early, with what it has
    indices = args.only or range(args.start, args.start + args.count)
    started = time.monotonic()

    def progress(done: int) -> None:
        if done % 500 == 0:
            print(
                f"{done} of {len(indices)}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
            )

    trials = run_all(args.seed, indices, args.workers, args.rare, not args.rule_only, progress)
    told = summary(trials)
    told["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(told, indent=1) if args.json else as_text(told, trials if args.only else []))
    if args.keep:
        for trial in trials:
            if trial.is_wrong or args.only:
                folder = args.keep / f"{args.seed}-{trial.index}"
                folder.mkdir(parents=True, exist_ok=True)
                inputs.hostile(args.seed, trial.index, args.rare).write(folder)
    return 1 if told["wrong"] else 0


def summary(trials: Sequence[Trial]) -> dict:
    """Counts of outcomes, the largest times and memory, and every trial that is wrong."""
    usual = [trial for trial in trials if not trial.is_wrong]
    return {
        "inputs": len(trials),
        "families": dict(sorted(Counter(trial.family for trial in trials).items())),
        "outcomes": dict(Counter(trial.outcome for trial in usual).most_common()),
        "limits": {"seconds": LIMIT_S, "bytes": LIMIT_BYTES},
        "slowest_s": round(max((min(t.wall_s, t.cpu_s) for t in usual), default=0.0), 2),
        "slowest": [(t.index, t.family, round(t.wall_s, 2)) for t in _largest(usual, "wall_s")],
        "largest_peak_mb": round(max((t.peak_bytes for t in usual), default=0) / 2**20),
        "hungriest": [
            (t.index, t.family, round(t.peak_bytes / 2**20)) for t in _largest(usual, "peak_bytes")
        ],
        "wrong": [asdict(trial) for trial in trials if trial.is_wrong],
    }


def _largest(trials: Sequence[Trial], name: str) -> list[Trial]:
    return sorted(trials, key=lambda trial: -getattr(trial, name))[:5]


def as_text(told: dict, each: Sequence[Trial]) -> str:
    """The summary, and each trial of `each`, in a few lines."""
    lines = [
        f"{told['inputs']} inputs in {told['seconds']:.0f} s: "
        + ", ".join(f"{count} {outcome}" for outcome, count in told["outcomes"].items()),
        f"slowest {told['slowest_s']} s (limit {LIMIT_S:g}), "
        f"most memory {told['largest_peak_mb']} MB over the base (limit {LIMIT_BYTES >> 20})",
        f"{len(told['wrong'])} wrong",
    ]
    lines += [f"  {t['index']} {t['family']}: {t['outcome']} ({t['told']})" for t in told["wrong"]]
    lines += [
        f"  {t.index} {t.family}: {t.outcome}, {t.wall_s:.2f} s, {t.peak_bytes >> 20} MB; {t.told}"
        for t in each
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
