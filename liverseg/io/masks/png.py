"""Reads masks from grey PNG files of label values, which lie on the rows and columns of a slice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from liverseg.core.geometry import upright_grid
from liverseg.core.image import CTImage
from liverseg.core.limits import MAX_PICTURE_BYTES, check_largest_shape
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.masks.mask import MaskLabel


@dataclass(frozen=True)
class PngMask:
    """The label values of one slice."""

    sha256: str
    values: np.ndarray  # (H, W) as stored
    format: str = "png"

    @cached_property
    def labels(self) -> tuple[MaskLabel, ...]:
        return tuple(MaskLabel(int(value)) for value in np.unique(self.values) if value)

    def frame(self) -> CTImage:
        native = upright_grid(self.values.shape)
        hu = np.broadcast_to(np.float32(0), native.radiological_shape)
        return CTImage(hu, None, "unknown", "png", native, sha256=self.sha256, orientation_known=False)

    def region(self, labels: Sequence[MaskLabel], ct: CTImage) -> np.ndarray:
        mask = np.isin(self.values, [label.number for label in labels])
        native = ct.native
        # A picture overlays the rows and columns of the file; that of a volume file is the radiological view.
        if not ct.has_file_axes and mask.shape == tuple(n for n in native.shape if n > 1):
            return native.to_radiological(mask.reshape(native.shape))
        if ct.shape != (1, *mask.shape):
            raise UnreadableInput(
                "A mask in a PNG file must have the rows and columns of a scan of one slice."
            )
        return mask[None]


def read_png_mask(path: Path) -> PngMask:
    """The mask in a PNG file. Raises `UnreadableInput` for a damaged file and for one that is not grey."""
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise InputTooLarge("The PNG file of the mask is larger than any slice.")
    data = path.read_bytes()
    check_largest_shape(1, *(int.from_bytes(data[at : at + 4], "big") for at in (20, 16)))  # of the header
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 2:
        raise UnreadableInput("The mask is not a grey PNG of label values.")
    return PngMask(hashlib.sha256(data).hexdigest(), values)
