"""Every bundled checkpoint segments a fixed phantom as it did when it was exported.

Processors and engines differ in rounding, so labels must agree on 99.9 % of pixels, areas to 0.5 % (or 8
pixels), mean probabilities to 0.002 and the peak probability to 0.01.
"""

import json

import cv2
import pytest

from benchmarks.golden import FOLDER, figures, segmented
from registry import open_registries

TOLERANCES = {
    "liver_pixels": (0.005, 8),
    "tumour_pixels": (0.005, 8),
    "mean_organ_probability": (0, 0.002),
    "mean_tumour_probability": (0, 0.002),
    "peak_tumour_probability": (0, 0.01),
}
"""Relative and absolute tolerance of each figure."""

CHECKPOINTS = {checkpoint.manifest.name: checkpoint for checkpoint in open_registries("bundled").list()}


def test_the_golden_files_are_those_of_the_bundled_checkpoints():
    assert CHECKPOINTS
    golden = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    found = {name: (facts["ref"], facts["sha256"]) for name, facts in golden.items()}
    expected = {name: (checkpoint.ref, checkpoint.sha256) for name, checkpoint in CHECKPOINTS.items()}
    assert found == expected, (
        "a bundled checkpoint changed: run python -m benchmarks.golden and review its changes"
    )


@pytest.mark.parametrize("name", sorted(CHECKPOINTS))
def test_the_segmentation_of_the_phantom_is_unchanged(name):
    seg = segmented(CHECKPOINTS[name].ref)
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    labels = cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert (seg.labels[0] == labels).mean() >= 0.999
    for figure, value in figures(seg).items():
        relative, absolute = TOLERANCES[figure]
        assert value == pytest.approx(golden[figure], rel=relative, abs=absolute), figure
