"""The benchmark of liverseg's own pieces against libraries: both variants give the same, on a tiny volume."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from benchmarks import replacements


def test_both_variants_of_a_pair_give_the_same_result():
    for what, library, variants in replacements.pairs(64, 3):
        if library == "Pillow" or what.startswith("importing"):
            continue  # Pillow writes to a stream, and an import gives nothing
        ours, theirs = variants["ours"](), variants["library"]()
        if what.startswith("PNG"):
            ours, theirs = (cv2.imdecode(np.frombuffer(png, np.uint8), -1) for png in (ours, theirs))
            assert np.asarray(Image.open(io.BytesIO(variants["ours"]()))).shape == ours.shape
        elif what.startswith("gzip"):
            ours, theirs = (replacements.gzip.decompress(packed) for packed in (ours, theirs))
        np.testing.assert_array_equal(
            *(np.frombuffer(one, np.uint8) if isinstance(one, bytes) else one for one in (ours, theirs))
        )


def test_the_command_prints_a_row_for_each_pair(capsys, monkeypatch):
    monkeypatch.setattr(replacements, "_run_python", lambda code: None)
    assert replacements.main(["--side", "64", "--slices", "3", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    assert (
        printed.count("\n| ") == len(replacements.pairs(64, 3)) + 1 and "% of the library's memory" in printed
    )
