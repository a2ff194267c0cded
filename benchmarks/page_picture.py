"""Take the picture of the page in the README: `docs/app.png`, the first built-in example in Chromium.

The example is a phantom, so no patient is in the picture. Take it again when the page changes.

  python -m benchmarks.page_picture
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.app_process import AppProcess
from tests.scenarios.browser.chromium import Page, open_page, wait

SIZE = (1280, 800)
PICTURE = Path(__file__).parents[1] / "docs" / "app.png"

READY_JS = """
const viewer = document.querySelector('#ls-viewer');
return viewer && viewer.dataset.drawn === 'yes' && !!document.querySelector('#ls-planes .ls-planes')
  && !!document.querySelector('[data-measure=tumour]').textContent.trim()
  && [...document.querySelectorAll('[data-example]')].every(example => example.querySelector('img'));
"""
"""Whether pictures, planes and numbers of the example are there, and the pictures of all examples."""

SETTLED_S = 3.0
"""Time for fonts, the sections of all planes and the 3D view after the page is ready."""


def save_picture(page: Page, path: Path) -> None:
    """Save the picture of a page once its example is shown."""
    page.resize(*SIZE)
    wait(lambda: page.driver.execute_script(READY_JS), "the example")
    time.sleep(SETTLED_S)
    screenshot = page.driver.get_screenshot_as_png()
    # 256 colours are enough, and halve the file.
    Image.open(io.BytesIO(screenshot)).convert("RGB").quantize(256).save(path, "PNG", optimize=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE, help="the PNG to write (default: docs/app.png)")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"LIVERSEG_EXAMPLES": "", "LIVERSEG_REGISTRY": "", "LIVERSEG_CACHE": name}
        prepare = [sys.executable, "-m", "liverseg", "examples", "--prepare"]
        subprocess.run(prepare, check=True, env={**os.environ, **settings})
        with AppProcess(folder / "log", **settings) as server, open_page(server.url, folder) as page:
            save_picture(page, args.out)
    print(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
