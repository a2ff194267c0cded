"""The scan of a dataset as the CT image that the segmenter of liverseg takes."""

from __future__ import annotations

import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_shape
from liverseg.errors import LiversegError
from train.evaluation.scans import ScanSlices, Spacing


def not_a_volume(scan: ScanSlices) -> str:
    """Why the slices of a scan cannot be segmented together; empty if they can."""
    shapes = {scan.slices.labels[position].shape for position in scan.positions}
    if len(scan.positions) < 2:
        return "it has a single slice"
    if len(shapes) > 1:
        return "its slices differ in size"
    try:
        check_shape(len(scan.positions), *shapes.pop())
    except LiversegError:
        return "its slices are too small or too large"
    return ""


def stack_spacing(scan: ScanSlices) -> Spacing | None:
    """The spacing of the slices in hand, mm; None where the dataset states none.

    Datasets may leave slices out. The distance between slices is therefore that of the dataset times the
    median step of the slice indices.
    """
    if scan.spacing_mm is None:
        return None
    steps = np.diff([scan.slices.rows[position].index for position in scan.positions])
    step = max(float(np.median(np.abs(steps))), 1.0) if len(steps) else 1.0
    return scan.spacing_mm[0] * step, scan.spacing_mm[1], scan.spacing_mm[2]


def scan_image(scan: ScanSlices, position: int | None = None) -> CTImage:
    """All slices of a scan as one CT image, or only the slice at `position` of `scan.slices`.

    HU come from the grey values. The slices must have one size (`not_a_volume`).
    """
    positions = scan.positions if position is None else (position,)
    hu = np.stack([scan.slices.intensity.to_hu(scan.slices.greys[p]) for p in positions])
    return CTImage(
        hu=hu,
        spacing_mm=stack_spacing(scan),
        spacing_source="unknown" if scan.spacing_mm is None else "dataset.json",
        source_format="array",
        native=NativeGrid(hu.shape, (0, 1, 2), (False, False, False)),
        kind="volume" if len(positions) > 1 else "slice",
    )
