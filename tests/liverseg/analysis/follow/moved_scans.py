"""Two scans of one phantom's liver on grids of their own, with spherical lesions of known size and place.

The liver is that of a phantom (`liverseg.phantom`), sampled wherever a scan has a voxel. The follow-up
patient lies moved by a known rotation and shift. The frame of the baseline scan is that of the phantom,
with its origin at the centre of the phantom's liver: mm to the right, to anterior and to superior.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from liverseg.core.image import CTImage, NativeGrid
from tests.liverseg.volume_checkpoints import BACKGROUND_HU, LIVER_HU, TUMOUR_HU
from tests.phantoms import make

PHANTOM_SIDE, PHANTOM_SLICES = 64, 24


@dataclass(frozen=True)
class Sphere:
    """A lesion: its centre from the centre of the liver in RAS mm, and its radius."""

    centre_mm: tuple[float, float, float]
    radius_mm: float

    @property
    def volume_ml(self) -> float:
        return 4 / 3 * np.pi * self.radius_mm**3 / 1000


@dataclass(frozen=True)
class Grid:
    """The voxels of a scan; they lie around the centre of the moved liver."""

    spacing_mm: tuple[float, float, float] = (3.0, 2.0, 2.0)
    extent_mm: tuple[float, float, float] = (180.0, 160.0, 190.0)  # of slices, rows, columns
    above_mm: float = 0.0  # how much higher than the liver's centre that of the scan is


def motion(turn_deg: Sequence[float] = (0, 0, 0), shift_mm: Sequence[float] = (0, 0, 0)) -> np.ndarray:
    """(4, 4): a turn about the centre of the liver by Euler angles about x, y, z, then a shift, RAS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


@functools.cache
def phantom_liver(seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A phantom's liver (S, H, W) float32 from 0 to 1, and the matrix from the frame here to its indices."""
    phantom = make("volume", seed, size=PHANTOM_SIDE, slices=PHANTOM_SLICES, noise_hu=0)
    liver = phantom.labels > 0
    slices, rows, columns = phantom.spacing_mm
    to_index = np.zeros((4, 4))
    to_index[0, 2], to_index[1, 1], to_index[2, 0], to_index[3, 3] = 1 / slices, -1 / rows, -1 / columns, 1
    to_index[:3, 3] = np.argwhere(liver).mean(axis=0)
    return ndimage.gaussian_filter(liver.astype(np.float32), 0.5), to_index


def scan(
    lesions: Sequence[Sphere] = (),
    grid: Grid | None = None,
    moved_by: np.ndarray | None = None,
    seed: int = 2,
    has_liver: bool = True,
) -> tuple[CTImage, np.ndarray]:
    """A scan of the patient moved by a (4, 4) matrix, and its true labels (S, H, W).

    The HU are those of `tests.liverseg.volume_checkpoints`, so that its rule finds the labels.
    """
    grid, moved_by = grid or Grid(), np.eye(4) if moved_by is None else moved_by
    shape = tuple(round(length / step) for length, step in zip(grid.extent_mm, grid.spacing_mm, strict=True))
    affine = np.zeros((4, 4))  # from (column, row, slice) as NIfTI stores it to RAS mm
    affine[range(3), range(3)] = -grid.spacing_mm[2], -grid.spacing_mm[1], grid.spacing_mm[0]
    affine[3, 3] = 1
    centre = moved_by[:3, 3] + [0, 0, grid.above_mm]
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)

    from_scan = (
        np.linalg.inv(moved_by) @ affine[:, [2, 1, 0, 3]]
    )  # from (slice, row, column) to the frame here
    labels = np.zeros(shape, np.uint8)
    if has_liver:
        liver, to_index = phantom_liver(seed)
        matrix = to_index @ from_scan
        labels[ndimage.affine_transform(liver, matrix[:3, :3], matrix[:3, 3], shape, order=1) >= 0.5] = 1
        z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
        place = [row[0] * z + row[1] * y + row[2] * x + row[3] for row in from_scan[:3]]
        for lesion in lesions:
            squared = sum((p - c) ** 2 for p, c in zip(place, lesion.centre_mm, strict=True))
            labels[squared <= lesion.radius_mm**2] = 2
    hu = np.array([BACKGROUND_HU, LIVER_HU, TUMOUR_HU], np.float32)[labels]
    native = NativeGrid(shape[::-1], (2, 1, 0), (False, False, False), affine)
    return CTImage(hu, grid.spacing_mm, "NIfTI header", "nifti", native, "volume"), labels
