"""`python -m fuzzing.load`: many clients at once; exit 1 where an answer was wrong or something grew."""

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

from fuzzing import networks
from fuzzing.clients import Case, Client, Tally, cases
from fuzzing.seeds import CANARY
from fuzzing.serving import Server, temporary, trend

GROWTH = {"resident_mb": 60.0, "open_files": 20.0, "threads": 20.0, "kept_files": 200.0}
"""What the last third of a long run may have more than the second, beyond a tenth."""

_LONG_MINUTES = 3


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing.load",
        description="Serve the page and ask it with many clients at once, with good and with bad files.",
        epilog="example:\n  python -m fuzzing.load --clients 32 --minutes 10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=32, help="at once (default 32)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long they ask (default 10)")
    parser.add_argument(
        "--keep-minutes", type=int, default=1, help="LIVERSEG_KEEP_MINUTES of the server (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, samples included")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and say what came of it; the exit status is 1 where something is wrong."""
    args = parse(arguments)
    told = run(args.clients, args.minutes * 60, args.keep_minutes)
    print(json.dumps(told, indent=1) if args.json else as_text(told))
    return 1 if told["wrong"] else 0


def run(clients: int, seconds: float, keep_minutes: int = 1) -> dict[str, Any]:
    """What `clients` met in `seconds`, and how the server's memory and files went."""
    with temporary() as made:
        folder = Path(made)
        segmenter = networks.tiny(folder / "registry", "auto")
        good = [cases(number, folder, segmenter) for number in range(clients)]
        with Server(folder / "server", **_environment(folder, keep_minutes)) as server:
            _warm_up(server.url, good[0], segmenter.checkpoint.ref)
            server.watch(max(0.5, seconds / 120))
            tally, until = Tally(), time.monotonic() + seconds
            team = [
                Client(server.url, k, good[k], tally, until, segmenter.checkpoint.ref) for k in range(clients)
            ]
            for client in team:
                client.start()
            for client in team:
                client.join(seconds + 120)
            _warm_up(server.url, good[-1], segmenter.checkpoint.ref)  # it is as good as before
            log, samples, exit_code = server.log(), server.samples, server.process.poll()
            outgoing = server.outgoing()
    trends = {name: trend(samples, name) for name in GROWTH} if samples else {}
    wrong = list(tally.wrong)
    if any(client.is_alive() for client in team):
        wrong.append("a client waits for ever")
    if exit_code is not None:
        wrong.append(f"the server ended with {exit_code}")
    wrong += [f"the server wanted to reach another machine: {line}" for line in outgoing]
    if CANARY in log or CANARY.replace("^", "_") in log:
        wrong.append("the log tells a name")
    if "Traceback" in log:
        wrong.append(f"the log has a traceback: …{log[log.index('Traceback') :][:4000]}")
    if seconds >= _LONG_MINUTES * 60:
        wrong += [
            f"{name} grew from {middle:.0f} to {last:.0f}"
            for name, (middle, last) in trends.items()
            if last > 1.1 * middle + GROWTH[name]
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


def _warm_up(url: str, good: list[Case], ref: str) -> None:
    tally = Tally()
    client = Client(url, 0, good, tally, 0.0, ref)
    for case in good:
        client._ask(case)
    if tally.wrong:
        raise RuntimeError(tally.wrong[0])
    httpx.get(url, timeout=60).raise_for_status()


def as_text(told: dict[str, Any]) -> str:
    """The result in a few lines."""
    counts = ", ".join(f"{count} {what}" for what, count in sorted(told["counts"].items()))
    trends = ", ".join(
        f"{name} {middle:g} then {last:g}"
        for name, (middle, last) in told["from_second_to_last_third"].items()
    )
    lines = [
        f"{told['clients']} clients for {told['seconds']} s: {counts}",
        f"a right answer took {told['median_s']} s in the middle, {told['longest_s']} s at most",
        f"second and last third: {trends}",
        f"{len(told['wrong'])} wrong",
    ]
    return "\n".join([*lines, *(f"  {what}" for what in told["wrong"])])


if __name__ == "__main__":
    sys.exit(main())
