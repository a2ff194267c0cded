"""The CT image that all of liverseg works on, independent of the file format."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from liverseg.core.window import Window


@dataclass(frozen=True)
class NativeGrid:
    """The mapping between the file's array (the native grid) and the radiological grid.

    `array_radiological = flip(transpose(array_native, axes), flipped_axes)`, where `array_radiological` has
    shape (S, H, W). A native array of fewer than three axes first gets trailing axes of length 1; trailing
    axes of length 1 beyond three are dropped.

    `affine` maps a native index, padded to three axes in the same way, to the centre of that pixel in RAS
    millimetres: right, anterior, superior. It is None if the file does not store the image's position. A
    NIfTI file without a position has the affine that NIfTI readers assume, and the codes (0, 0).
    """

    shape: tuple[int, ...]  # of the file's array, e.g. (X, Y, Z), (X, Y) or (rows, columns)
    axes: tuple[int, int, int]  # native axes that become slice, row, column
    flipped: tuple[bool, bool, bool]  # of slice, row, column, after the transpose
    affine: np.ndarray | None = None  # (4, 4) native index -> RAS mm, from the file (volume files, DICOM)
    affine_codes: tuple[int, int] = (1, 1)  # NIfTI sform_code and qform_code; (0, 0): assumed

    def to_radiological(self, native: np.ndarray) -> np.ndarray:
        """A native array as a (S, H, W) view in radiological orientation."""
        cube = native.reshape((*native.shape, 1, 1)[:3]).transpose(self.axes)
        return cube[tuple(slice(None, None, -1 if f else 1) for f in self.flipped)]

    def native_view(self, radiological: np.ndarray) -> np.ndarray:
        """A (S, H, W) array as a three-dimensional view on the native grid; both share memory."""
        cube = radiological[tuple(slice(None, None, -1 if f else 1) for f in self.flipped)]
        return cube.transpose(np.argsort(self.axes))

    def to_native(self, radiological: np.ndarray) -> np.ndarray:
        """A (S, H, W) array as a contiguous array on the native grid, with the shape of the file's array."""
        return np.ascontiguousarray(self.native_view(radiological)).reshape(self.shape)

    @property
    def radiological_shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns) of an array on the radiological grid.

        >>> NativeGrid((8, 4), (2, 0, 1), (False, False, True)).radiological_shape
        (1, 8, 4)
        """
        return tuple((*self.shape, 1, 1)[axis] for axis in self.axes)  # type: ignore[return-value]

    @property
    def radiological_affine(self) -> np.ndarray | None:
        """(4, 4) matrix from (slice, row, column) of the radiological grid to RAS mm; None without `affine`.

        >>> grid = NativeGrid((8, 4), (2, 0, 1), (False, False, True), np.eye(4))
        >>> (grid.radiological_affine @ [0, 1, 0, 1]).tolist()
        [1.0, 3.0, 0.0, 1.0]
        """
        if self.affine is None:
            return None
        to_native = np.zeros((4, 4))
        to_native[3, 3] = 1.0
        for k, (axis, flipped) in enumerate(zip(self.axes, self.flipped, strict=True)):
            to_native[axis, k] = -1.0 if flipped else 1.0
            to_native[axis, 3] = (*self.shape, 1, 1)[axis] - 1 if flipped else 0.0
        return self.affine @ to_native


_HEADER_PRECISION = 1e-5  # relative; headers store float32 or a few decimal digits

THICKNESS_UNKNOWN = " (slice thickness unknown, 1 mm is a placeholder)"
"""End of `spacing_source` for a single slice whose pixel size is known and whose thickness is not."""


@dataclass(frozen=True)
class CTImage:
    """One CT slice or volume in Hounsfield units, in radiological orientation.

    Row 0 is anterior, column 0 is the patient's right (left in the picture), and slice 0 is the one nearest
    the feet. Where `orientation_known` is False, this is assumed. A single slice has S = 1.
    """

    hu: np.ndarray  # (S, H, W) float32, Hounsfield units
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns; None: unknown
    spacing_source: str  # where the spacing comes from, e.g. "NIfTI header"; "unknown"
    source_format: str  # "array" or a format: "dicom", "png", "nifti" …
    native: NativeGrid  # maps results back to the file's grid
    kind: str = "slice"  # "slice" | "volume"
    assumed_window: Window | None = None  # window used to compute HU from grey; None: the file stores HU
    sha256: str | None = None  # hex digest of the file's bytes
    series: int | None = None  # number of the requested series if the input has several
    warnings: tuple[str, ...] = ()  # one sentence each, shown with the result
    orientation_known: bool = True  # False: the file does not say how it lies in the patient; it is assumed
    # DICOM only, one per native slice: references for SEG and RTSTRUCT. Never shown, and not in `repr`.
    source: tuple[SliceReference, ...] = field(default=(), repr=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        slices, rows, columns = self.hu.shape
        return slices, rows, columns

    @property
    def has_file_axes(self) -> bool:
        """Whether the file has axes in an affine (NIfTI, NRRD, MetaImage), and no rows and columns."""
        return self.source_format in ("nifti", "nrrd", "metaimage")

    @property
    def thickness_is_known(self) -> bool:
        """Whether `spacing_mm[0]` comes from the file; a single slice may have a placeholder instead."""
        return not self.spacing_source.endswith(THICKNESS_UNKNOWN)

    @property
    def pixel_area_mm2(self) -> float | None:
        """Area of one pixel in mm²; None: spacing unknown."""
        return None if self.spacing_mm is None else self.spacing_mm[1] * self.spacing_mm[2]

    @property
    def voxel_volume_mm3(self) -> float | None:
        """Volume of one voxel in mm³; None: spacing unknown.

        It is smaller than the product of the spacings if the native axes are not orthogonal, as in a volume
        sheared by a gantry tilt.
        """
        if self.spacing_mm is None:
            return None
        product, affine = float(np.prod(self.spacing_mm)), self.native.affine
        if affine is None or not any(self.native.affine_codes):
            return product
        determinant = abs(float(np.linalg.det(affine[:3, :3])))
        return product if math.isclose(determinant, product, rel_tol=_HEADER_PRECISION) else determinant


@dataclass(frozen=True, repr=False)
class SliceReference:
    """DICOM identity and position of one stored slice.

    Missing UIDs are "", other missing values None.
    """

    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None  # from 1, in a multi-frame image; None: a single-frame image
    orientation: tuple[float, ...] | None  # ImageOrientationPatient (LPS): along a row, along a column
    position_mm: tuple[float, ...] | None  # ImagePositionPatient (LPS): centre of the first pixel
    pixel_spacing_mm: tuple[float, ...] | None  # between rows, between columns
    thickness_mm: float | None

    def __repr__(self) -> str:
        return "SliceReference(...)"

    @property
    def uids(self) -> tuple[str, ...]:
        """All five UIDs of the reference."""
        return (
            self.study_uid, self.series_uid, self.frame_of_reference_uid,
            self.sop_class_uid, self.sop_instance_uid,
        )  # fmt: skip

    def corner_affine(self) -> np.ndarray:
        """(3, 3) matrix from (row, column, 1) of a pixel's upper left corner to LPS mm (PS3.3 C.7.6.2.1.1).

        >>> reference = SliceReference(*"abcde", None, (1, 0, 0, 0, 1, 0), (5, 6, 7), (2, 1), 1.0)
        >>> reference.corner_affine() @ [0, 0, 1]
        array([4.5, 5. , 7. ])
        """
        along_row, along_column = np.asarray(self.orientation, float).reshape(2, 3)
        between_rows, between_columns = require_known(self.pixel_spacing_mm)
        per_row, per_column = along_column * between_rows, along_row * between_columns
        corner = np.asarray(self.position_mm, float) - per_row / 2 - per_column / 2
        return np.stack([per_row, per_column, corner], axis=1)


def require_known(value: tuple[float, ...] | None) -> tuple[float, ...]:
    """`value`, which the caller knows not to be None: `referable_slices` lets no slice without it through."""
    assert value is not None
    return value
