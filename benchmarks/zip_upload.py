"""A zip of DICOM slices on the page, from dropping it to its numbers, compared with the command.

Both segment it with the default checkpoint, in turn, each time in a server or process that has not seen it.
The page's time runs from choosing the file in Chromium until the volume of the tumour is shown.

  python -m benchmarks.zip_upload
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from liverseg import phantom
from tests.app_process import ROOT, AppProcess
from tests.scenarios.browser.chromium import open_page, wait

LIMIT = 1.25
"""Most times that the page may take as long as the command."""


def command_s(scan: Path, out: Path) -> float:
    """Seconds of the command, from its start to its end."""
    started = time.monotonic()
    command = [sys.executable, "-m", "liverseg", "segment", str(scan), "--out", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def page_s(scan: Path, folder: Path) -> float:
    """Seconds from choosing the file on a page whose checkpoint is loaded to the volume of the tumour."""
    folder.mkdir()
    with AppProcess(folder / "log") as server, open_page(server.url, folder) as page:
        wait(lambda: "checkpoint" in server.log(), "the checkpoint")
        started = time.monotonic()
        page.upload(scan)
        wait(lambda: page.text("[data-measure=tumour]"), "the numbers")
        return time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slices", type=int, default=119)
    parser.add_argument("--size", type=int, default=512, help="rows and columns (default 512)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = phantom.make(seed=3, kind="volume", size=args.size, slices=args.slices)
        phantom.write(made, folder / "phantom", "dicom")
        scan = Path(shutil.make_archive(str(folder / "scan"), "zip", folder / "phantom"))
        pairs = [
            (page_s(scan, folder / f"page{k}"), command_s(scan, folder / f"command{k}"))
            for k in range(args.rounds)
        ]
    ratios = sorted(page / command for page, command in pairs)
    result = {"page_s": [round(p, 1) for p, _ in pairs], "command_s": [round(c, 1) for _, c in pairs]}
    result["ratio"] = round(ratios[len(ratios) // 2], 2)
    print(json.dumps(result))
    return int(result["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
