"""`python -m fuzzing.load`: serve the page to many clients; exit 1 on a wrong answer or a resource leak."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from fuzzing import segmenters
from fuzzing.clients import Case, Client, Tally, cases
from fuzzing.seeds import CANARY
from fuzzing.server import Server, temporary_server_folder, trend
from registry.closed_pipe import run_command

MAX_GROWTH = {"resident_mb": 60.0, "open_files": 20.0, "threads": 20.0, "kept_files": 200.0}
"""Tolerated growth from the second to the last third of a long run, in addition to 10 %."""

_LONG_RUN_MINUTES = 3  # growth is checked in runs of at least this length


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing.load",
        description="Serve the page and send it valid and hostile files from many clients at once.",
        epilog="example:\n  python -m fuzzing.load --clients 32 --minutes 10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=32, help="number of clients (default 32)")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration (default 10)")
    parser.add_argument(
        "--keep-minutes", type=int, default=1, help="LIVERSEG_KEEP_MINUTES of the server (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, samples included")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and print the result; the exit status is 1 if something is wrong."""
    args = parse(arguments)
    result = run(args.clients, args.minutes * 60, args.keep_minutes)
    print(json.dumps(result, indent=1) if args.json else as_text(result))
    return 1 if result["wrong"] else 0


def run(clients: int, seconds: float, keep_minutes: int = 1) -> dict[str, Any]:
    """Run the load; returns counts, response times, trends of the server's resources, and failures."""
    with temporary_server_folder() as name:
        folder = Path(name)
        segmenter = segmenters.tiny(folder / "registry", "auto")
        good = [cases(number, folder, segmenter) for number in range(clients)]
        with Server(folder / "server", **_environment(folder, keep_minutes)) as server:
            _check_served(server.url, good[0], segmenter.checkpoint.ref)
            server.watch(max(0.5, seconds / 120))
            tally, until = Tally(), time.monotonic() + seconds
            threads = [
                Client(server.url, k, good[k], tally, until, segmenter.checkpoint.ref) for k in range(clients)
            ]
            for client in threads:
                client.start()
            for client in threads:
                client.join(seconds + 120)
            _check_served(
                server.url, good[-1], segmenter.checkpoint.ref
            )  # the server still answers correctly
            log, samples, exit_code = server.log(), server.samples, server.process.poll()
            outgoing = server.outgoing()
    trends = {name: trend(samples, name) for name in MAX_GROWTH} if samples else {}
    wrong = list(tally.wrong)
    if any(client.is_alive() for client in threads):
        wrong.append("a client received no answer")
    if exit_code is not None:
        wrong.append(f"the server ended with {exit_code}")
    wrong += [f"the server contacted another machine: {line}" for line in outgoing]
    if CANARY in log or CANARY.replace("^", "_") in log:
        wrong.append("the log contains a name")
    if "Traceback" in log:
        wrong.append(f"the log has a traceback: …{log[log.index('Traceback') :][:4000]}")
    if seconds >= _LONG_RUN_MINUTES * 60:
        wrong += [
            f"{name} grew from {middle:.0f} to {last:.0f}"
            for name, (middle, last) in trends.items()
            if last > 1.1 * middle + MAX_GROWTH[name]
        ]
    waited = sorted(tally.seconds)
    return {
        "clients": clients,
        "seconds": round(seconds),
        "counts": dict(tally.counts),
        "median_s": round(waited[len(waited) // 2], 2) if waited else None,
        "longest_s": round(waited[-1], 2) if waited else None,
        "from_second_to_last_third": {name: [round(v, 1) for v in pair] for name, pair in trends.items()},
        "wrong": wrong,
        "samples": [asdict(sample) for sample in samples],
    }


def _environment(folder: Path, keep_minutes: int) -> dict[str, str]:
    return {
        "LIVERSEG_REGISTRY": str(folder / "registry"),
        "LIVERSEG_KEEP_MINUTES": str(keep_minutes),
    }


def _check_served(url: str, good: list[Case], ref: str) -> None:
    """Raise RuntimeError unless the server answers a client's cases correctly and serves the page."""
    tally = Tally()
    client = Client(url, 0, good, tally, 0.0, ref)
    for case in good:
        client._ask(case)
    if tally.wrong:
        raise RuntimeError(tally.wrong[0])
    httpx.get(url, timeout=60).raise_for_status()


def as_text(result: dict[str, Any]) -> str:
    """The result in a few lines."""
    counts = ", ".join(f"{count} {event}" for event, count in sorted(result["counts"].items()))
    trends = ", ".join(
        f"{name} {middle:g} then {last:g}"
        for name, (middle, last) in result["from_second_to_last_third"].items()
    )
    lines = [
        f"{result['clients']} clients for {result['seconds']} s: {counts}",
        f"right answers took {result['median_s']} s (median), {result['longest_s']} s at most",
        f"second and last third: {trends}",
        f"{len(result['wrong'])} wrong",
    ]
    return "\n".join([*lines, *(f"  {failure}" for failure in result["wrong"])])


if __name__ == "__main__":
    sys.exit(run_command(main))
