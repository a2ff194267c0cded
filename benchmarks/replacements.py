"""Time the pieces of our own that are faster than a library, against libraries that do the same.

Each pair gets the same input, a phantom, and gives the same result; the variants run in turn on one machine.
Quote ratios. `docs/dependencies.md` lists the pieces with these figures.

  python -m benchmarks.replacements
"""

from __future__ import annotations

import argparse
import gzip
import io
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import scipy.ndimage
from PIL import Image

from benchmarks.speed.timing import in_turn
from liverseg.core.components import find_components
from liverseg.core.float16 import at_least, to_float32
from liverseg.core.window import Window, to_grey
from liverseg.io.fast_gzip import GzipReader, gzip_bytes
from liverseg.io.picture.png import png_bytes
from liverseg.phantom import make

Pair = tuple[str, str, Mapping[str, Callable[[], object]]]
"""What is done, the library's name, and two variants, "ours" and "library"."""

COMPONENTS = "26-connected components of a volume"
_EVERY_NEIGHBOUR = np.ones((3, 3, 3), bool)


def pairs(side: int, slices: int) -> list[Pair]:
    """The pairs, on a volume of `slices` slices of `side` × `side` pixels."""
    phantom = make("volume", seed=3, size=side, slices=min(slices, 12))
    repeats = -(-slices // len(phantom.hu))
    hu = np.tile(phantom.hu.astype(np.int16), (repeats, 1, 1))[:slices]
    mask = np.tile(phantom.labels > 0, (repeats, 1, 1))[:slices]
    grey = to_grey(phantom.hu[0], Window(40, 400))
    probability = np.random.default_rng(0).random((side, side), np.float32).astype(np.float16)
    content = hu.tobytes()
    packed = gzip_bytes([content])
    return [
        ("PNG of a slice", "OpenCV", {
            "ours": lambda: png_bytes(grey), "library": lambda: cv2.imencode(".png", grey)[1].tobytes(),
        }),
        ("PNG of a slice", "Pillow", {
            "ours": lambda: png_bytes(grey),
            "library": lambda: Image.fromarray(grey).save(io.BytesIO(), "PNG"),
        }),
        ("gzip of a volume, level 1", "the standard library's gzip", {
            "ours": lambda: gzip_bytes([content]), "library": lambda: gzip.compress(content, 1),
        }),
        ("reading that gzip", "the standard library's gzip", {
            "ours": lambda: GzipReader(io.BytesIO(packed)).read(len(content)),
            "library": lambda: gzip.decompress(packed),
        }),
        ("float16 to float32", "numpy", {
            "ours": lambda: to_float32(probability), "library": lambda: probability.astype(np.float32),
        }),
        ("float16 against a threshold", "numpy", {
            "ours": lambda: at_least(probability, 0.35), "library": lambda: probability >= np.float16(0.35),
        }),
        (COMPONENTS, "scipy.ndimage.label", {
            "ours": lambda: find_components(mask.__getitem__, len(mask)).sizes,
            "library": lambda: np.bincount(scipy.ndimage.label(mask, _EVERY_NEIGHBOUR)[0].ravel())[1:],
        }),
        ("importing it in a new process", "scipy.ndimage", {
            "ours": lambda: _run_python("import liverseg.core.components"),
            "library": lambda: _run_python("import cv2, scipy.ndimage"),
        }),
    ]  # fmt: skip


def _run_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def peak_bytes(function: Callable[[], object]) -> int:
    """The most memory that numpy and Python hold while the function runs, beyond what they held before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def report(side: int, slices: int, rounds: int) -> str:
    """The measured pairs as a Markdown table, and the memory of the components."""
    lines = ["| what | library | times as fast as the library |", "| --- | --- | ---: |"]
    for what, library, variants in pairs(side, slices):
        faster = in_turn(variants, rounds).times_faster("ours", "library")
        lines.append(f"| {what} | {library} | {faster:.1f} |")
        if what == COMPONENTS:
            share = peak_bytes(variants["ours"]) / peak_bytes(variants["library"])
    return "\n".join([*lines, "", f"{COMPONENTS}: {share:.1%} of the library's memory"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512, help="rows and columns of a slice (default 512)")
    parser.add_argument("--slices", type=int, default=60, help="slices of the volume (default 60)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default 9)")
    args = parser.parse_args(arguments)
    print(report(args.side, args.slices, args.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
