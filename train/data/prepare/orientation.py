"""The orientation of a scan, judged by its anatomy: for scans whose header cannot be trusted."""

from __future__ import annotations

import numpy as np

from train.data.prepare.volumes import Volume

_SLICES = 12  # at most so many slices are examined, evenly spaced over those with liver
_STEP = 4  # only every fourth row and column is used
_SOFT_TISSUE_HU = (-150, 200)
_BONE_HU = 250  # bone lies above this
_MIN_OFFSET = 0.03  # share of the picture's side; a smaller distance of the centres is not conclusive


def flips_to_upright(volume: Volume, labels: np.ndarray) -> tuple[bool, bool]:
    """(rows, columns): which axes must be flipped to radiological orientation.

    In that orientation the spine lies at the bottom of the picture and the liver on its left. `labels`
    (S, H, W) are 0 outside the liver. The rows are judged by the position of bone relative to soft
    tissue, the columns by that of the liver. An axis that is not conclusive is not flipped; without
    liver neither is.
    """
    with_liver = np.flatnonzero(labels[:, ::_STEP, ::_STEP].any(axis=(1, 2)))
    if not with_liver.size:
        return False, False
    chosen = with_liver[np.unique(np.linspace(0, len(with_liver) - 1, _SLICES).round().astype(int))]
    height, width = labels[0, ::_STEP, ::_STEP].shape
    soft_rows, bone_rows = np.zeros(height), np.zeros(height)
    soft_columns, liver_columns = np.zeros(width), np.zeros(width)
    for index in chosen:
        hu = volume.hu(int(index), _STEP)
        soft = (hu > _SOFT_TISSUE_HU[0]) & (hu < _SOFT_TISSUE_HU[1])
        soft_rows += soft.sum(axis=1)
        soft_columns += soft.sum(axis=0)
        bone_rows += (hu > _BONE_HU).sum(axis=1)
        liver_columns += (labels[index, ::_STEP, ::_STEP] > 0).sum(axis=0)
    rows = _centre_of_mass(bone_rows) - _centre_of_mass(soft_rows) < -_MIN_OFFSET
    columns = _centre_of_mass(liver_columns) - _centre_of_mass(soft_columns) > _MIN_OFFSET
    return bool(rows), bool(columns)


def _centre_of_mass(profile: np.ndarray) -> float:
    """Centre of mass of a profile, as a share of its length; nan (comparisons are False) if it is all zero.

    >>> _centre_of_mass(np.array([0, 0, 1, 0]))
    0.5
    """
    total = profile.sum()
    return float(profile @ np.arange(len(profile)) / total / len(profile)) if total else float("nan")
