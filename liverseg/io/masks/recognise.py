"""Tells masks from scans, so that a command can take either."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from liverseg.errors import LiversegError
from liverseg.io.masks.dicom_kind import is_mask_class
from liverseg.io.masks.png import read_png_mask
from liverseg.io.masks.volume_file import read_volume_mask
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, kind_of

_MOST_LABELS = 256
_MOST_EDGES = 0.2
"""Largest share of neighbours within and around labels that differ. A CT is noisy: nearly all of them do."""


def is_mask(source: str | os.PathLike[str]) -> bool:
    """Whether a file holds a mask: a SEG, an RTSTRUCT, named labels, or few whole values in large regions.

    False for folders, zips and files that are missing or not readable as masks.
    """
    path = Path(source)
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        kind = kind_of(stream.read(HEAD_BYTES))
    try:
        if kind == "dicom":
            return is_mask_class(path)
        if kind == "png":
            return int(read_png_mask(path).values.max()) <= 2
        if kind in VOLUME_KINDS:
            mask = read_volume_mask(kind, path)
            return bool(mask.named) or looks_like_labels(mask.layers[0])
    except LiversegError:
        pass
    return False


def looks_like_labels(values: np.ndarray) -> bool:
    """Whether an array (S, H, W) of whole numbers has few values that fill connected regions.

    >>> grey = np.random.default_rng(0).integers(0, 255, (2, 40, 40))
    >>> looks_like_labels(grey), looks_like_labels(grey // 255 + np.eye(40, dtype=int).cumsum(axis=1))
    (False, True)
    """
    if np.unique(values).size > _MOST_LABELS:
        return False
    left, right = values[..., :-1], values[..., 1:]
    filled = np.count_nonzero((left > 0) | (right > 0))
    return bool(np.count_nonzero(left != right) <= _MOST_EDGES * filled)
