"""The scans of a source: how each kind is loaded, and the loaded scan."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from liverseg import phantom
from liverseg.errors import LiversegError
from train.data.prepare.orientation import flips_to_upright
from train.data.prepare.settings import ConversionSettings
from train.data.prepare.volumes import Volume, files_sha256, read_stored, read_volume
from train.errors import TrainError

FIRST_PHANTOM_SEED = 100_000
"""Seed of phantom 0; far from the seeds that tests and examples use."""


@dataclass(frozen=True)
class LoadedScan:
    """One scan with its reference labels, in radiological orientation."""

    volume: Volume
    labels: np.ndarray  # (S, H, W) uint8, contiguous, indices of `LABEL_SETS`
    indices: tuple[int, ...]  # index of each slice in the scan; not consecutive if slices are missing
    reoriented: str = ""  # how it was turned, see `train.data.prepare.records.ScanRecord`


class ScanSource(Protocol):
    """A scan that can be loaded; `scan` is its identifier."""

    scan: str

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the scan is loaded from."""

    def load(self, conversion: ConversionSettings) -> LoadedScan:
        """Load the scan. Raises a `LiversegError` if a file is unreadable or image and labels differ."""


@dataclass(frozen=True)
class NiftiPair:
    """A NIfTI volume and its reference.

    They are matched voxel by voxel, whatever the header of the reference says: in LiTS, some references
    have another header than their volume.
    """

    scan: str
    image: Path
    reference: Path
    lits_number: int | None = None  # number of the scan in LiTS, where wrong geometries are known

    @property
    def files(self) -> tuple[Path, ...]:
        return self.image, self.reference

    def load(self, conversion: ConversionSettings) -> LoadedScan:
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
        # Contiguous, because the labels are processed slice by slice.
        labels = np.ascontiguousarray(native.to_radiological(conversion.labels.apply(stored)))
        volume = replace(volume, sha256={**volume.sha256, "reference": files_sha256(self.reference)})
        return _checked_orientation(LoadedScan(volume, labels, tuple(range(len(labels)))))


@dataclass(frozen=True)
class PhantomScan:
    """One slice of a synthetic phantom; its seed is `FIRST_PHANTOM_SEED` plus the number `scan`."""

    scan: str

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    def load(self, conversion: ConversionSettings) -> LoadedScan:
        generated = phantom.make(kind="slice", seed=FIRST_PHANTOM_SEED + int(self.scan))
        volume = Volume(generated.hu, spacing_mm=generated.spacing_mm, geometry="header")
        return LoadedScan(volume, conversion.labels.apply(generated.labels), (0,))


def parse_name(stem: str, pattern: str) -> tuple[str, int] | None:
    """Scan and slice index in a picture's name; None if the name does not match the pattern.

    >>> from train.data.prepare.settings import SCAN_PATTERN
    >>> parse_name("volume-10_slice-012", SCAN_PATTERN), parse_name("liver_7_33", SCAN_PATTERN)
    (('10', 12), ('liver_7', 33))
    """
    match = re.search(pattern, stem)
    if not match:
        return None
    scan = re.sub(r"[^\w.-]+", "-", match.group("scan"))
    return scan, int(match.group("index"))


def _checked_orientation(scan: LoadedScan) -> LoadedScan:
    """The scan, checked against its anatomy.

    If that contradicts a trusted header, a warning is added; if the header is false or unknown, the scan
    is flipped.
    """
    rows, columns = flips_to_upright(scan.volume, scan.labels)
    if not (rows or columns):
        return scan
    if scan.volume.geometry == "header":
        findings = (("the spine in front", rows), ("the liver on the left", columns))
        where = " and ".join(text for text, wrong in findings if wrong)
        warning = f"By its header the scan has {where}: check its orientation."
        return replace(scan, volume=replace(scan.volume, warnings=(*scan.volume.warnings, warning)))
    steps = (slice(None), *(slice(None, None, -1 if flip else 1) for flip in (rows, columns)))
    flipped = "+".join(name for name, flip in (("rows", rows), ("columns", columns)) if flip)
    return replace(
        scan,
        volume=scan.volume.flipped(rows, columns),
        labels=np.ascontiguousarray(scan.labels[steps]),
        reoriented=flipped,
    )
