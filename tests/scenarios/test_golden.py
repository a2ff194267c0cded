"""Every bundled checkpoint still makes of one phantom what it made when it was exported.

Tolerances let processors and engines differ in their last digits: labels on 99.9 % of pixels, areas by 0.5 %
(or 8 pixels), mean probabilities by 0.002, the peak by 0.01.
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
"""Relative and absolute."""

CHECKPOINTS = {checkpoint.manifest.name: checkpoint for checkpoint in open_registries("bundled").list()}


def test_every_bundled_checkpoint_has_its_golden_file_and_no_other_has():
    assert CHECKPOINTS
    told = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    found = {name: (about["ref"], about["sha256"]) for name, about in told.items()}
    expected = {name: (checkpoint.ref, checkpoint.sha256) for name, checkpoint in CHECKPOINTS.items()}
    assert found == expected, "a bundled checkpoint changed: run python -m benchmarks.golden, and look"


@pytest.mark.parametrize("name", sorted(CHECKPOINTS))
def test_the_phantom_is_segmented_as_it_was(name):
    seg = segmented(CHECKPOINTS[name].ref)
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    labels = cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert (seg.labels[0] == labels).mean() >= 0.999
    for figure, value in figures(seg).items():
        relative, absolute = TOLERANCES[figure]
        assert value == pytest.approx(golden[figure], rel=relative, abs=absolute), figure
