"""The orientation of a scan whose slices are pictures, which have no header that states it.

The eight ways to turn and mirror a slice are compared by the score of
`liverseg.analysis.plausibility.orientation_check` and by the side on which the liver lies: the left one in
radiological orientation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liverseg.analysis.plausibility.orientation_check import (
    TRANSFORMS,
    load_orientation_model,
    orientation_features,
)
from liverseg.core.window import Window
from train.data.prepare.scans import LoadedScan
from train.errors import TrainError

TURNED, UNCLEAR = 1.5, 1.0
"""Gains of the best way of turning: above the first it is applied, between the two the scan is refused.

On 120 scans in radiological orientation the largest gain was 0.9. On the 38 of them that are whole slices of
512 px it was below -2.2, so that they are recognised when they are turned."""

LIVER_WEIGHT = 10.0
"""Gain for moving the liver to the left by the width of the picture."""

SLICES = 6
"""At most so many slices are compared: those with the most liver."""

_WINDOW = Window(60, 200)  # of the score


def turned_upright(scan: LoadedScan) -> LoadedScan:
    """The scan in radiological orientation, with a warning if it had to be turned.

    A scan without liver is returned as it is. Raises `TrainError` when it may be turned but the pictures do
    not say so clearly.
    """
    if not scan.labels.any():
        return scan
    name, gain = best_turn(scan)
    if gain <= UNCLEAR:
        return scan
    if gain <= TURNED:
        raise TrainError(
            f"its pictures may not be in radiological orientation ({name}?): turn them, or give "
            "--keep-orientation if they are right."
        )
    turn = TRANSFORMS[name]
    warning = f"Its pictures were not in radiological orientation and have been turned: {name}."
    volume = scan.volume
    return replace(
        scan,
        volume=replace(
            volume,
            stored=np.ascontiguousarray([turn(plane) for plane in volume.stored]),
            warnings=(*volume.warnings, warning),
        ),
        labels=np.ascontiguousarray([turn(plane) for plane in scan.labels]),
        reoriented=name,
    )


def best_turn(scan: LoadedScan) -> tuple[str, float]:
    """The best of `TRANSFORMS` and its median gain over slices with liver as they are; there must be some."""
    weights = load_orientation_model().weights
    gains = []
    for position in _chosen(scan.labels):
        hu, liver = scan.volume.hu(position), scan.labels[position] > 0
        unit = np.clip((hu - _WINDOW.low_hu) / _WINDOW.width_hu, 0, 1).astype(np.float32)

        def score(unit: np.ndarray, liver: np.ndarray) -> float:
            looks = float(orientation_features(unit) @ weights)
            return looks - LIVER_WEIGHT * _liver_offset(unit, liver)

        present = score(unit, liver)
        gains.append([score(turn(unit), turn(liver)) - present for turn in TRANSFORMS.values()])
    median = np.median(gains, axis=0)
    best = int(median.argmax())
    return list(TRANSFORMS)[best], float(median[best])


def _chosen(labels: np.ndarray) -> list[int]:
    """Positions of the slices of (S, H, W) labels to compare."""
    liver_px = np.count_nonzero(labels, axis=(1, 2))
    largest = np.argsort(-liver_px, kind="stable")[:SLICES]
    return [int(position) for position in largest if liver_px[position]]


def _liver_offset(unit: np.ndarray, liver: np.ndarray) -> float:
    """How far the liver's centre lies to the right of the body's, as a share of the width."""
    body = (unit > 0.02) & (unit < 0.99)
    if not body.any():
        return 0.0
    columns = np.arange(unit.shape[1])
    centres = [mask.sum(axis=0) @ columns / mask.sum() for mask in (liver, body)]
    return float(centres[0] - centres[1]) / unit.shape[1]
