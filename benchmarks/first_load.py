"""The weight of the first load: requests and bytes until the page shows its first example, in Chromium.

The app runs with the bundled checkpoints and examples, as `make demo` starts it. Nothing is cached.

  python -m benchmarks.first_load
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.app_process import AppProcess
from tests.scenarios.browser.chromium import Page, open_page, wait
from tests.scenarios.browser.traffic import Transfer, transfers_of_first_load

LIMIT_KB, LIMIT_REQUESTS = 700, 90
"""Most kilobytes (1000 bytes) and most requests of the first load."""

SETTLE_S = 5
"""Time after the first picture in which later requests count too."""


def summary(transfers: list[Transfer]) -> dict:
    """Number of requests, kilobytes in all and of each kind of file, and the hosts."""
    kinds: dict[str, float] = {}
    for one in transfers:
        kind = Path(urlsplit(one.url).path).suffix or "other"
        kinds[kind] = kinds.get(kind, 0) + one.received / 1000
    return {
        "requests": len(transfers),
        "kilobytes": round(sum(kinds.values()), 1),
        "kinds": {kind: round(size, 1) for kind, size in sorted(kinds.items(), key=lambda one: -one[1])},
        "hosts": sorted({urlsplit(one.url).hostname or "" for one in transfers}),
    }


def are_prepared(page: Page) -> bool:
    """Whether every example has its thumbnail; the page asks for them until then."""
    buttons, pictures = (page.find(f"#ls-examples [data-example]{one}") for one in ("", " img"))
    return 0 < len(buttons) == len(pictures)


def wait_until_quiet(page: Page) -> None:
    """Wait until the browser draws the example and has had time to fetch what it wants."""
    drawn = "return (document.querySelector('#ls-viewer') || { dataset: {} }).dataset.drawn"
    wait(lambda: page.driver.execute_script(drawn) == "yes", "the drawn example")
    time.sleep(SETTLE_S)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="print each request")
    parser.add_argument("--width", type=int, default=1280, help="of the window in pixels (default 1280)")
    parser.add_argument("--height", type=int, default=800, help="of the window in pixels (default 800)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            AppProcess(folder / "log", LIVERSEG_EXAMPLES="") as server,
            open_page(server.url, folder) as page,
        ):
            wait(lambda: page.find("#ls-viewer img"), "the example")  # prepared at the first start
            wait(lambda: are_prepared(page), "the other examples")
            page.resize(args.width, args.height)
            transfers = transfers_of_first_load(page, server.url, lambda: wait_until_quiet(page))
    if args.list:
        for one in sorted(transfers, key=lambda one: -one.received):
            print(f"{one.received / 1000:8.1f} kB  {urlsplit(one.url).path}")
    result = summary(transfers)
    print(json.dumps(result))
    return int(result["kilobytes"] > LIMIT_KB or result["requests"] > LIMIT_REQUESTS)


if __name__ == "__main__":
    sys.exit(main())
