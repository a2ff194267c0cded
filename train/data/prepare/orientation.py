"""Which way up a scan lies, judged by what is in it: for scans whose header cannot be believed."""

from __future__ import annotations

import numpy as np

from train.data.prepare.volumes import Volume

_SLICES = 12  # looked at, evenly spaced over those with liver
_STEP = 4  # every fourth row and column is enough
_SOFT_HU, _BONE_HU = (-150, 200), 250
_CLEAR = 0.03  # of the picture's side: a smaller difference tells nothing


def flips_to_upright(volume: Volume, labels: np.ndarray) -> tuple[bool, bool]:
    """Whether rows and columns must be turned for the spine to lie at the back, the liver on the right.

    `labels` (S, H, W) are 0 outside the liver. The rows are judged by where dense bone lies to soft
    tissue, the columns by where the liver does. (False, False) where neither tells, as without liver.
    """
    shown = np.flatnonzero(labels[:, ::_STEP, ::_STEP].any(axis=(1, 2)))
    if not shown.size:
        return False, False
    chosen = shown[np.unique(np.linspace(0, len(shown) - 1, _SLICES).round().astype(int))]
    height, width = labels[0, ::_STEP, ::_STEP].shape
    soft_rows, bone_rows = np.zeros(height), np.zeros(height)
    soft_columns, liver_columns = np.zeros(width), np.zeros(width)
    for index in chosen:
        hu = volume.hu(int(index), _STEP)
        soft = (hu > _SOFT_HU[0]) & (hu < _SOFT_HU[1])
        soft_rows += soft.sum(axis=1)
        soft_columns += soft.sum(axis=0)
        bone_rows += (hu > _BONE_HU).sum(axis=1)
        liver_columns += (labels[index, ::_STEP, ::_STEP] > 0).sum(axis=0)
    rows = _centre(bone_rows) - _centre(soft_rows) < -_CLEAR
    columns = _centre(liver_columns) - _centre(soft_columns) > _CLEAR
    return bool(rows), bool(columns)


def _centre(profile: np.ndarray) -> float:
    """Centre of mass of a profile, as a share of its length; nan, which compares False, without mass.

    >>> _centre(np.array([0, 0, 1, 0]))
    0.5
    """
    total = profile.sum()
    return float(profile @ np.arange(len(profile)) / total / len(profile)) if total else float("nan")
