"""One scan of a source, not read yet, and what reading it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from liverseg import phantom
from liverseg.core.window import from_unit
from liverseg.errors import LiversegError
from train.data.prepare.orientation import flips_to_upright
from train.data.prepare.settings import Conversion
from train.data.prepare.volumes import Volume, read_stored, read_volume, sha256
from train.errors import TrainError

FIRST_PHANTOM_SEED = 100_000
"""Far from the seeds that tests and examples use."""

_HALF_RANGE = 32768


@dataclass(frozen=True)
class LoadedScan:
    """One scan with its reference, in radiological orientation."""

    volume: Volume
    labels: np.ndarray  # (S, H, W) uint8, contiguous, indices of `LABEL_SETS`
    indices: tuple[int, ...]  # of each slice in the scan; not consecutive where slices are missing
    reoriented: str = ""  # "rows", "columns" or both, turned because the header could not be believed


class ScanSource(Protocol):
    """A scan that can be loaded; `files` are all it is made from."""

    scan: str

    @property
    def files(self) -> tuple[Path, ...]: ...

    def load(self, conversion: Conversion) -> LoadedScan:
        """Read it. Raises a `LiversegError` where a file is unreadable or the two do not match."""


@dataclass(frozen=True)
class NiftiPair:
    """A volume and its reference, matched voxel by voxel, as LiTS means them: some of its references
    carry another header than their volume."""

    scan: str
    image: Path
    reference: Path
    lits_number: int | None = None  # of LiTS as downloaded, whose false geometries are known

    @property
    def files(self) -> tuple[Path, ...]:
        return self.image, self.reference

    def load(self, conversion: Conversion) -> LoadedScan:
        volume, native = read_volume(self.image, conversion.picture_window, self.lits_number)
        try:
            header, stored = read_stored(self.reference)
        except LiversegError as error:
            raise TrainError(f"its reference cannot be read: {error}") from error
        if stored.shape != (*native.shape, 1, 1)[:3]:
            sizes = (" × ".join(map(str, shape)) for shape in (native.shape, header.shape))
            raise TrainError("the volume has {} voxels, its reference {}.".format(*sizes))
        if header.is_scaled:
            stored = stored * header.slope + header.intercept
        # Contiguous, for all that follows goes slice by slice; only the voxels' order changes here.
        labels = np.ascontiguousarray(native.to_radiological(conversion.labels.apply(stored)))
        volume = replace(volume, sha256={**volume.sha256, "reference": sha256(self.reference)})
        return _oriented(LoadedScan(volume, labels, tuple(range(len(labels)))))


@dataclass(frozen=True)
class PicturePairs:
    """Slices of a scan as pictures with masks of equal names, in radiological orientation already."""

    scan: str
    slices: tuple[tuple[int, Path, Path], ...]  # index in the scan, picture, mask

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for _, *pair in self.slices for path in pair)

    def load(self, conversion: Conversion) -> LoadedScan:
        greys = [_read_grey(picture) for _, picture, _ in self.slices]
        masks = [_read_grey(mask) for *_, mask in self.slices]
        for (_, picture, _), grey, mask in zip(self.slices, greys, masks, strict=True):
            if grey.shape != mask.shape:
                raise TrainError(f"{picture.name} and its mask differ in size.")
        if len({(grey.shape, grey.dtype) for grey in greys}) > 1:
            raise TrainError("its pictures differ in size or in bits a pixel.")
        labels = conversion.labels.apply(np.stack(masks))
        _, pictures, references = zip(*self.slices, strict=True)
        digests = {"volume": sha256(*pictures), "reference": sha256(*references)}
        volume = Volume(_hu_of(np.stack(greys), conversion), sha256=digests)
        return LoadedScan(volume, labels, tuple(index for index, *_ in self.slices))


@dataclass(frozen=True)
class PhantomScan:
    """One slice of a phantom of our own."""

    scan: str

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    def load(self, conversion: Conversion) -> LoadedScan:
        made = phantom.make(kind="slice", seed=FIRST_PHANTOM_SEED + int(self.scan))
        volume = Volume(made.hu, spacing_mm=made.spacing_mm, geometry="header")
        return LoadedScan(volume, conversion.labels.apply(made.labels), (0,))


def parse_name(stem: str, pattern: str) -> tuple[str, int] | None:
    """Scan and index that a picture's name tells by the pattern, or None.

    >>> from train.data.prepare.settings import SCAN_PATTERN
    >>> parse_name("volume-10_slice-012", SCAN_PATTERN), parse_name("liver_7_33", SCAN_PATTERN)
    (('10', 12), ('liver_7', 33))
    """
    found = re.search(pattern, stem)
    if not found:
        return None
    scan = re.sub(r"[^\w.-]+", "-", found.group("scan"))
    return scan, int(found.group("index"))


def _oriented(scan: LoadedScan) -> LoadedScan:
    """The scan turned upright where its header is false; a sentence where its content contradicts it."""
    rows, columns = flips_to_upright(scan.volume, scan.labels)
    if not (rows or columns):
        return scan
    if scan.volume.geometry == "header":
        where = " and ".join(
            [w for w, wrong in (("its spine in front", rows), ("its liver on the left", columns)) if wrong]
        )
        sentence = f"By its header the scan has {where}: check its orientation."
        warned = replace(scan.volume, warnings=(*scan.volume.warnings, sentence))
        return replace(scan, volume=warned)
    steps = (slice(None), *(slice(None, None, -1 if flip else 1) for flip in (rows, columns)))
    turned = "+".join(name for name, flip in (("rows", rows), ("columns", columns)) if flip)
    return replace(
        scan,
        volume=scan.volume.flipped(rows, columns),
        labels=np.ascontiguousarray(scan.labels[steps]),
        reoriented=turned,
    )


def _read_grey(path: Path) -> np.ndarray:
    """A grey picture (H, W), uint8 or uint16. Raises `TrainError` for another or a damaged one."""
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
        raise TrainError(f"{path.name} has neither 8 nor 16 bits a pixel.")
    return picture


def _hu_of(greys: np.ndarray, conversion: Conversion) -> np.ndarray:
    """Grey (S, H, W) as float32 HU. Raises `TrainError` for 16 bits whose meaning was not said."""
    if greys.dtype == np.uint16 and conversion.picture_offset is not None:
        return greys.astype(np.float32) - np.float32(conversion.picture_offset)
    top = 255 if greys.max() <= 255 else 65535
    if top == 65535 and greys.max() < _HALF_RANGE:
        raise TrainError(
            "its 16-bit pictures use only a part of their range; --picture-offset says that they store HU "
            "with an offset."
        )
    return from_unit(greys.astype(np.float32) / np.float32(top), conversion.picture_window)
