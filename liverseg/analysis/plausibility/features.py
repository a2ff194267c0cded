"""What an axial CT slice of the abdomen shows, as numbers: outline, tissues, bone, symmetry (pure).

Everything is taken from HU limited to 0 to 160, which every window of soft tissue keeps, at 128 pixels along
the longer side: pictures, NIfTI and DICOM of one slice give the same numbers.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE_PX = 128
LOW_HU, HIGH_HU = 0.0, 160.0
HISTOGRAM_BINS = 8
"""Of 20 HU each."""

CELLS = 10
"""Along each side of the coarse picture of the body."""

CELL = "cell_"
"""How the names of its numbers begin."""

_DARK, _BRIGHT = 0.03, 0.97
_SOFT = (0.25, 0.9)  # 40 to 144 HU: organs, with or without contrast medium


def small_unit(hu: np.ndarray) -> np.ndarray:
    """A slice (H, W) of HU as grey in [0, 1] of at most 128 pixels a side."""
    unit = np.clip((np.asarray(hu, np.float32) - LOW_HU) / (HIGH_HU - LOW_HU), 0, 1)
    return reduced(unit)


def reduced(values: np.ndarray) -> np.ndarray:
    """A map (H, W) with its longer side at 128 pixels, each the mean of what it covers."""
    height, width = values.shape
    scale = SIDE_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=how))


def body_of(unit: np.ndarray) -> np.ndarray:
    """The body (h, w) bool: the largest connected part that is not dark, without holes.

    Fat is as dark as air here, so it is the body within its fat.
    """
    lit = cv2.morphologyEx((unit > _DARK).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    if count < 2:
        return np.zeros(unit.shape, bool)
    largest = (parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(largest, outlines, -1, 1, cv2.FILLED) > 0)


def box_of(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask (h, w) that is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def placed(mask: np.ndarray, box: tuple[slice, slice]) -> tuple[float, float, float, float]:
    """Centre (row, column) of a mask in a box, from -1 to 1, and its spread along both; zeros when empty.

    >>> mask = np.zeros((5, 5), bool); mask[4, 2] = True
    >>> placed(mask, (slice(0, 5), slice(0, 5)))
    (1.0, 0.0, 0.0, 0.0)
    """
    inside = mask[box]
    rows, columns = np.nonzero(inside)
    if not rows.size:
        return (0.0, 0.0, 0.0, 0.0)
    y = 2 * rows / max(inside.shape[0] - 1, 1) - 1
    x = 2 * columns / max(inside.shape[1] - 1, 1) - 1
    return float(y.mean()), float(x.mean()), float(y.std()), float(x.std())


def anatomy(unit: np.ndarray) -> dict[str, float]:
    """Numbers of a slice as `small_unit` gives it."""
    body = body_of(unit)
    ring = np.concatenate([unit[:2].ravel(), unit[-2:].ravel(), unit[:, :2].ravel(), unit[:, -2:].ravel()])
    found = {
        "border_dark": float((ring < 0.08).mean()),
        "body_share": float(body.mean()),
        "grain": float(np.abs(np.diff(unit, axis=1)).mean() + np.abs(np.diff(unit, axis=0)).mean()),
    }
    if not body.any():
        body = np.ones_like(body)
    box = box_of(body)
    height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
    inside = unit[body]
    shares = np.histogram(inside, np.linspace(0, 1.0001, HISTOGRAM_BINS + 1))[0] / inside.size
    found |= {f"hu_{20 * k}": float(share) for k, share in enumerate(shares)}
    found |= {
        "aspect": float(np.log(width / height)),
        "fills_box": float(body[box].mean()),
        "dark_share": float((inside <= _DARK).mean()),
        "bright_share": float((inside >= _BRIGHT).mean()),
        "contrast": float(inside.std()),
    }
    masks = {
        "bright": body & (unit >= _BRIGHT),
        "dark": body & (unit <= _DARK),
        "organs": smooth_soft(unit) & body,
    }
    for name, mask in masks.items():
        row, column, tall, wide = placed(mask, box)
        found |= {f"{name}_row": row, f"{name}_column": column, f"{name}_tall": tall, f"{name}_wide": wide}
    found["organs_share"] = float(masks["organs"].sum() / body.sum())
    grey = cv2.GaussianBlur(unit[box], (0, 0), 2)
    coarse = cv2.resize(unit[box], (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    found |= {f"{CELL}{k}": float(value) for k, value in enumerate(coarse.ravel())}
    found["mirror"] = _alike(grey, grey[:, ::-1])
    found["upside_down"] = _alike(grey, grey[::-1])
    halves = (grey[:, : width // 2].mean(), grey[:, width - width // 2 :].mean())
    found["left_of_right"] = float(halves[0] - halves[1]) if width > 1 else 0.0
    top, bottom = grey[: height // 2], grey[height - height // 2 :]
    found["top_of_bottom"] = float(top.mean() - bottom.mean()) if height > 1 else 0.0
    return found


def smooth_soft(unit: np.ndarray) -> np.ndarray:
    """Soft tissue in pieces that hold a disc of 9 pixels: organs, not muscle and bowel."""
    soft = ((unit > _SOFT[0]) & (unit < _SOFT[1])).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return np.asarray(cv2.morphologyEx(soft, cv2.MORPH_OPEN, disc) > 0)


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two pictures; 0 where one is flat."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / norm) if norm > 1e-6 else 0.0
