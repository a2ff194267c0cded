"""A small folder of examples with their truth, for tests of the page: a volume and a slice."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import nibabel
import numpy as np

from liverseg.core.window import DEFAULT_WINDOW, to_grey
from tests.liverseg.app.rule_checkpoints import slice_hu

TITLES = ("Two small metastases", "One slice")
RADII = (0, 6, 8, 7, 0, 4)  # of the tumour, pixels, slice by slice of the volume


def _labels(radius: int) -> np.ndarray:
    hu = slice_hu(radius)
    return np.where(hu == 110, 1, np.where(hu == 55, 2, 0)).astype(np.uint8)


def write_examples(folder: Path) -> Path:
    """Write the files and `examples.json` into a folder, which is created, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-2.4, -2.4, 2.0, 1.0])
    for name, slices in (
        ("ct.nii.gz", [slice_hu(radius).astype(np.int16) for radius in RADII]),
        ("labels.nii.gz", [_labels(radius) for radius in RADII]),
    ):
        nibabel.save(nibabel.Nifti1Image(np.stack(slices).transpose(2, 1, 0), affine), folder / name)
    cv2.imwrite(str(folder / "slice.png"), to_grey(slice_hu(8), DEFAULT_WINDOW))
    cv2.imwrite(str(folder / "slice_labels.png"), _labels(8))
    entries = [
        {
            "title": TITLES[0],
            "file": "ct.nii.gz",
            "truth": "labels.nii.gz",
            "licence": "CC BY 4.0",
            "citation": "A. Author <2023>",
            "source": "https://example.org/data?a=1&b=2",
        },
        {"title": TITLES[1], "file": "slice.png", "truth": "slice_labels.png", "licence": "CC0"},
    ]
    (folder / "examples.json").write_text(json.dumps({"examples": entries}))
    return folder
