"""Features of an axial CT slice: body outline, tissues, bone, symmetry, coarse picture (pure).

All features are computed from HU clipped to 0 to 160, a range that every soft-tissue window shows, at 128
pixels along the longer side. So a picture, a NIfTI file and a DICOM file of the same slice have the same
features.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE_PX = 128
LOW_HU, HIGH_HU = 0.0, 160.0
HISTOGRAM_BINS = 8
"""Bins of 20 HU each."""

COARSE_CELLS = 10
"""Cells along each side of the coarse picture of the body."""

CELL_PREFIX = "cell_"
"""Prefix of the names of the features of the coarse picture."""

_MAX_DARK, _MIN_BRIGHT = 0.03, 0.97  # grey of fat and of bone
_SOFT_RANGE = (0.25, 0.9)  # grey of 40 to 144 HU: organs, with or without contrast medium


def small_grey(hu: np.ndarray) -> np.ndarray:
    """A slice (H, W) of HU as grey (h, w) float32 in [0, 1] with a longer side of 128 pixels."""
    unit = np.clip((np.asarray(hu, np.float32) - LOW_HU) / (HIGH_HU - LOW_HU), 0, 1)
    return downsampled(unit)


def downsampled(values: np.ndarray) -> np.ndarray:
    """A map (H, W) resized to (h, w) float32 with a longer side of 128 pixels; larger maps are averaged."""
    height, width = values.shape
    scale = SIDE_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=method))


def body_mask(unit: np.ndarray) -> np.ndarray:
    """The body (h, w) bool: the largest connected region that is not dark, with its holes filled.

    Fat is as dark as air here, so subcutaneous fat is not part of the body.
    """
    lit = cv2.morphologyEx((unit > _MAX_DARK).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    if count < 2:
        return np.zeros(unit.shape, bool)
    largest = (parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(largest, outlines, -1, 1, cv2.FILLED) > 0)


def smallest_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask (h, w), which must not be empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def centre_and_spread(mask: np.ndarray, box: tuple[slice, slice]) -> tuple[float, float, float, float]:
    """Centre (row, column) and standard deviation (row, column) of a mask in a box.

    The box extends from -1 to 1 along both axes. All values are 0 for an empty mask.

    >>> mask = np.zeros((5, 5), bool); mask[4, 2] = True
    >>> centre_and_spread(mask, (slice(0, 5), slice(0, 5)))
    (1.0, 0.0, 0.0, 0.0)
    """
    inside = mask[box]
    rows, columns = np.nonzero(inside)
    if not rows.size:
        return (0.0, 0.0, 0.0, 0.0)
    y = 2 * rows / max(inside.shape[0] - 1, 1) - 1
    x = 2 * columns / max(inside.shape[1] - 1, 1) - 1
    return float(y.mean()), float(x.mean()), float(y.std()), float(x.std())


def slice_features(unit: np.ndarray) -> dict[str, float]:
    """The features by name of a slice from `small_grey`."""
    body = body_mask(unit)
    border = np.concatenate([unit[:2].ravel(), unit[-2:].ravel(), unit[:, :2].ravel(), unit[:, -2:].ravel()])
    features = {
        "border_dark": float((border < 0.08).mean()),
        "body_share": float(body.mean()),
        "grain": float(np.abs(np.diff(unit, axis=1)).mean() + np.abs(np.diff(unit, axis=0)).mean()),
    }
    if not body.any():
        body = np.ones_like(body)
    box = smallest_box(body)
    height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
    inside = unit[body]
    shares = np.histogram(inside, np.linspace(0, 1.0001, HISTOGRAM_BINS + 1))[0] / inside.size
    features |= {f"hu_{20 * k}": float(share) for k, share in enumerate(shares)}
    features |= {
        "aspect": float(np.log(width / height)),
        "fills_box": float(body[box].mean()),
        "dark_share": float((inside <= _MAX_DARK).mean()),
        "bright_share": float((inside >= _MIN_BRIGHT).mean()),
        "contrast": float(inside.std()),
    }
    masks = {
        "bright": body & (unit >= _MIN_BRIGHT),
        "dark": body & (unit <= _MAX_DARK),
        "organs": organ_mask(unit) & body,
    }
    for name, mask in masks.items():
        row, column, tall, wide = centre_and_spread(mask, box)
        features |= {f"{name}_row": row, f"{name}_column": column, f"{name}_tall": tall, f"{name}_wide": wide}
    features["organs_share"] = float(masks["organs"].sum() / body.sum())
    grey = cv2.GaussianBlur(unit[box], (0, 0), 2)
    coarse = cv2.resize(unit[box], (COARSE_CELLS, COARSE_CELLS), interpolation=cv2.INTER_AREA)
    features |= {f"{CELL_PREFIX}{k}": float(value) for k, value in enumerate(coarse.ravel())}
    features["mirror"] = _correlation(grey, grey[:, ::-1])
    features["upside_down"] = _correlation(grey, grey[::-1])
    halves = (grey[:, : width // 2].mean(), grey[:, width - width // 2 :].mean())
    features["left_of_right"] = float(halves[0] - halves[1]) if width > 1 else 0.0
    top, bottom = grey[: height // 2], grey[height - height // 2 :]
    features["top_of_bottom"] = float(top.mean() - bottom.mean()) if height > 1 else 0.0
    return features


def organ_mask(unit: np.ndarray) -> np.ndarray:
    """Soft tissue in regions that contain a disc of 9 pixels: organs, but not muscle and bowel."""
    soft = ((unit > _SOFT_RANGE[0]) & (unit < _SOFT_RANGE[1])).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return np.asarray(cv2.morphologyEx(soft, cv2.MORPH_OPEN, disc) > 0)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two pictures; 0 if one is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / norm) if norm > 1e-6 else 0.0
