"""Scans whose slices are pictures; they are turned to radiological orientation where necessary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from liverseg.core.window import from_unit
from train.data.prepare.picture_orientation import turned_upright
from train.data.prepare.scans import LoadedScan
from train.data.prepare.settings import ConversionSettings
from train.data.prepare.volumes import Volume, files_sha256
from train.errors import TrainError

_HALF_RANGE = 32768  # 16-bit grey pictures whose maximum is below this do not use their full range


@dataclass(frozen=True)
class PicturePairs:
    """Slices of a scan as pictures with masks of the same names."""

    scan: str
    slices: tuple[tuple[int, Path, Path], ...]  # index in the scan, picture, mask

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for _, *pair in self.slices for path in pair)

    def load(self, conversion: ConversionSettings) -> LoadedScan:
        masks = [_read_grey(mask) for *_, mask in self.slices]
        _, pictures, references = zip(*self.slices, strict=True)
        greys = _read_slices(pictures, masks)
        labels = conversion.labels.apply(np.stack(masks))
        digests = {"volume": files_sha256(*pictures), "reference": files_sha256(*references)}
        volume = Volume(_hu_of(greys, conversion), sha256=digests)
        scan = LoadedScan(volume, labels, tuple(index for index, *_ in self.slices))
        return scan if conversion.keep_orientation else turned_upright(scan)


@dataclass(frozen=True)
class LitsPictures:
    """Slices of a LiTS scan as pictures, each with a mask of the liver and one of the lesions.

    A pixel belongs to a mask if it is brighter than half of the mask's maximum. Lesions come first.
    """

    scan: str
    slices: tuple[tuple[int, Path, Path, Path], ...]  # index in the scan, picture, liver, lesions

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for _, *paths in self.slices for path in paths)

    def load(self, conversion: ConversionSettings) -> LoadedScan:
        indices, pictures, livers, lesions = zip(*self.slices, strict=True)
        masks = [_label(_read_grey(liver), _read_grey(lesion)) for _, _, liver, lesion in self.slices]
        greys = _read_slices(pictures, masks)
        digests = {"volume": files_sha256(*pictures), "reference": files_sha256(*livers, *lesions)}
        volume = Volume(_hu_of(greys, conversion), sha256=digests)
        scan = LoadedScan(volume, conversion.labels.apply(np.stack(masks)), tuple(indices))
        return scan if conversion.keep_orientation else turned_upright(scan)


def _label(liver: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """uint8 labels (H, W): 1 in the liver, 2 in lesions. Raises `TrainError` for masks of two sizes."""
    if liver.shape != lesions.shape:
        raise TrainError("its masks differ in size.")
    label = (liver > liver.max() // 2).astype(np.uint8)
    label[lesions > lesions.max() // 2] = 2
    return label


def _read_slices(pictures: tuple[Path, ...], masks: list[np.ndarray]) -> np.ndarray:
    """(S, H, W) grey values. Raises `TrainError` unless all pictures and masks have one size."""
    greys = [_read_grey(picture) for picture in pictures]
    for picture, grey, mask in zip(pictures, greys, masks, strict=True):
        if grey.shape != mask.shape:
            raise TrainError(f"{picture.name} and its mask differ in size.")
    if len({(grey.shape, grey.dtype) for grey in greys}) > 1:
        raise TrainError("its pictures differ in size or in bits per pixel.")
    return np.stack(greys)


def _read_grey(path: Path) -> np.ndarray:
    """A grey picture (H, W), uint8 or uint16. Raises `TrainError` for any other or damaged file."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise TrainError(f"{path.name} cannot be read.") from error
    picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if picture is None:
        raise TrainError(f"{path.name} is truncated or damaged.")
    if picture.ndim == 3:
        if (picture[..., :3] != picture[..., :1]).any():
            raise TrainError(f"{path.name} is a colour picture, not a grey one.")
        picture = np.ascontiguousarray(picture[..., 0])
    if picture.dtype not in (np.uint8, np.uint16):
        raise TrainError(f"{path.name} has neither 8 nor 16 bits per pixel.")
    return picture


def _hu_of(greys: np.ndarray, conversion: ConversionSettings) -> np.ndarray:
    """float32 HU of grey values (S, H, W). Raises `TrainError` for 16-bit values of unclear meaning."""
    if greys.dtype == np.uint16 and conversion.picture_offset is not None:
        return greys.astype(np.float32) - np.float32(conversion.picture_offset)
    top = 255 if greys.max() <= 255 else 65535
    if top == 65535 and greys.max() < _HALF_RANGE:
        raise TrainError(
            "its 16-bit pictures use only a part of their range; if they store HU with an offset, give it "
            "with --picture-offset."
        )
    return from_unit(greys.astype(np.float32) / np.float32(top), conversion.picture_window)
