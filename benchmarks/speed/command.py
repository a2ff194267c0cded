"""The work of `python -m liverseg bench`: measure, print, write BENCHMARKS.md, compare with the baseline."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.errors import LiversegError

if TYPE_CHECKING:
    from benchmarks.speed.machine import Machine
    from benchmarks.speed.rows import Row
    from benchmarks.speed.running import Outcome


def run_command(args: argparse.Namespace) -> int:
    """Run the benchmark. Returns the exit status: 1 if a section or the guard failed, 2 for wrong usage."""
    from benchmarks.speed import machine as machines
    from benchmarks.speed import store
    from benchmarks.speed.running import run_sections
    from benchmarks.speed.sections import choose

    try:
        sections = choose(args.sections)
        if args.list:
            for section in sections:
                print(f"{section.name:<10} {section.title}")
            return 0
        if args.quick and (args.write or args.guard or args.baseline):
            print(
                "--quick does not measure speed; leave out --write, --guard and --baseline.",
                file=sys.stderr,
            )
            return 2
        threads = machines.limit_threads(args.threads)
        outcomes = run_sections(sections, threads, args.quick, lambda line: print(line, file=sys.stderr))
        machine = machines.describe()
        if args.write:
            store.write(Path(args.write), outcomes, machine, command_line(args))
        _show(outcomes, machine, args)
        status = int(any(outcome.failed for outcome in outcomes))
        rows = [row for outcome in outcomes for row in outcome.rows]
        return max(status, _guard(rows, machine, args))
    except LiversegError as refusal:
        print(refusal, file=sys.stderr)
        return 1


def command_line(args: argparse.Namespace) -> str:
    """The command line that repeats the measurement.

    >>> command_line(argparse.Namespace(sections="slice,share", threads=None))
    'python -m liverseg bench --sections slice,share'
    """
    words = ["python", "-m", "liverseg", "bench"]
    if args.sections:
        words += ["--sections", args.sections]
    if args.threads:
        words += ["--threads", str(args.threads)]
    return shlex.join(words)


def _show(outcomes: list[Outcome], machine: Machine, args: argparse.Namespace) -> None:
    from benchmarks.speed.tables import rows_text

    if args.json:
        rows = [row.to_dict() for outcome in outcomes for row in outcome.rows]
        run = {"command": command_line(args), "quick": args.quick, "machine": machine.to_dict()}
        print(json.dumps(run | {"rows": rows}, indent=1, ensure_ascii=False))
        return
    print("\n".join(machine.lines()))
    for outcome in outcomes:
        print(f"\n{outcome.section.title}\n\n{rows_text(outcome.rows)}")


def _guard(rows: list[Row], machine: Machine, args: argparse.Namespace) -> int:
    """Compare with the baseline and replace it, as the options say. Returns the exit status."""
    from benchmarks.speed import guard

    status = 0
    if args.guard:
        baseline = guard.load_baseline(guard.BASELINE).get(machine.kind, {})
        verdict = guard.compare(rows, baseline)
        for finding in verdict.findings:
            print(f"worse: {finding}", file=sys.stderr)
        for name in verdict.gone:
            print(f"gone: {name}", file=sys.stderr)
        summary = f"{verdict.compared} ratios compared with the baseline of {machine.kind}"
        print(summary if baseline else f"There is no baseline for {machine.kind}.", file=sys.stderr)
        status = int(not verdict.holds)
    if args.baseline:
        guard.save_baseline(guard.BASELINE, machine.kind, rows)
    return status
