"""Test scenes: labels with every difficulty for contours, on slices in many orientations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from liverseg.core.geometry import dicom_affine, directions_from_dicom, nearest_axes, radiological_spacing
from liverseg.core.image import CTImage, NativeGrid, SliceReference
from liverseg.core.segmentation import CheckpointIdentity, Segmentation

SHAPE = (7, 40, 52)  # slices, rows, columns of the files
PIXEL_MM = (0.9, 0.6)
STEP_MM = 2.5
CT_CLASS, ENHANCED_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"


def _turned(orientation, degrees, axis):
    """An ImageOrientationPatient turned about an axis (Rodrigues' rotation formula)."""
    angle, (x, y, z) = np.radians(degrees), np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return tuple((np.reshape(orientation, (2, 3)) @ rotation.T).ravel().tolist())


ORIENTATIONS = {  # ImageOrientationPatient, and the shift in mm of each slice within its plane (down, right)
    "axial": ((1, 0, 0, 0, 1, 0), (0, 0)),
    "reversed": ((-1, 0, 0, 0, 1, 0), (0, 0)),  # slices in order run from head to feet
    "prone": ((-1, 0, 0, 0, -1, 0), (0, 0)),
    "rotated": ((0, 1, 0, -1, 0, 0), (0, 0)),  # rows and columns exchanged
    "coronal": ((1, 0, 0, 0, 0, -1), (0, 0)),
    "sagittal": ((0, 1, 0, 0, 0, -1), (0, 0)),
    "oblique": (_turned((1, 0, 0, 0, 1, 0), 31, (1, -2, 0.5)), (0, 0)),
    "double oblique": (_turned((0, 1, 0, 0, 0, -1), 17, (3, 1, 2)), (0, 0)),
    "gantry tilt": (_turned((1, 0, 0, 0, 1, 0), 20, (1, 0, 0)), (STEP_MM * np.tan(np.radians(20)), 0)),
}


def scene_labels() -> np.ndarray:
    """(slices, rows, columns) uint8: holes, islands, single pixels, pixels that touch at a corner."""
    labels = np.zeros(SHAPE, np.uint8)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    for k in range(1, 6):
        liver = ((y - 16) / (8 + k)) ** 2 + ((x - 20) / (10 + 1.5 * k)) ** 2 < 1
        hole = (y - 13) ** 2 + (x - 17) ** 2 < 9
        labels[k][liver & ~hole] = 1
        labels[k][(y - 20) ** 2 + (x - 27) ** 2 < 1.5 * k] = 2
    labels[3, 13, 17] = 1  # an island in the hole
    labels[3, 20, 27] = 1  # a hole in the tumour, filled by liver
    labels[3, 16, 10] = labels[3, 16, 12] = labels[3, 17, 11] = 0  # holes that touch at a corner
    labels[2, 30:36, 40:50] = 1  # a separate region
    labels[2, 36, 39] = 1  # a pixel that touches the region at a corner only
    labels[4, 39, 51] = 2  # a single pixel in the corner of the image
    labels[6, 5, 45] = 2  # a single pixel alone in its slice
    return labels


@dataclass(frozen=True)
class Scene:
    """An image, its segmentation, and the labels in the arrangement of the files."""

    ct: CTImage
    seg: Segmentation
    labels: np.ndarray  # (slices, rows, columns) as the files are stored


def build(
    name: str = "axial", labels: np.ndarray | None = None, multiframe: bool = False, **replaced: object
) -> Scene:
    """A DICOM image and a segmentation of it, without files; `replaced` sets fields of SliceReference."""
    orientation, drift = ORIENTATIONS[name]
    labels = scene_labels() if labels is None else labels
    count = len(labels)
    along_row, along_column = np.reshape(orientation, (2, 3))
    step = np.cross(along_row, along_column) * STEP_MM + along_column * drift[0] + along_row * drift[1]
    first = np.array([-81.5, 33.25, -412.125])
    source = tuple(
        SliceReference(
            **{
                "study_uid": "1.2.3.1", "series_uid": "1.2.3.2", "frame_of_reference_uid": "1.2.3.3",
                "sop_class_uid": ENHANCED_CLASS if multiframe else CT_CLASS,
                "sop_instance_uid": "1.2.3.4" if multiframe else f"1.2.3.4.{90 - k}",
                "frame_number": count - k if multiframe else None,  # stored in reverse order
                "orientation": orientation, "position_mm": tuple((first + k * step).tolist()),
                "pixel_spacing_mm": PIXEL_MM, "thickness_mm": 3.0,
            } | replaced
        )
        for k in range(count)
    )  # fmt: skip
    axes, flipped = nearest_axes(directions_from_dicom(orientation))
    affine = dicom_affine(orientation, tuple(first), PIXEL_MM, step)
    native = NativeGrid(labels.shape, axes, flipped, affine)
    if count == 1:  # as the reader represents a lone slice
        native = NativeGrid(
            labels.shape[1:], tuple((a - 1) % 3 for a in axes), flipped, affine[:, [1, 2, 0, 3]]
        )
    view = np.ascontiguousarray(native.to_radiological(labels.reshape(native.shape)))
    spacing = radiological_spacing((STEP_MM, *PIXEL_MM), axes)
    hu = np.zeros(view.shape, np.float32)
    kind = "volume" if count > 1 else "slice"
    ct = CTImage(hu, spacing, "DICOM PixelSpacing", "dicom", native, kind, source=source)
    checkpoint = CheckpointIdentity("segformer-b0@1.0.1", "ab12" * 16, "bundled")
    return Scene(ct, Segmentation(view, hu, hu, 0.5, checkpoint, "torch"), labels)


@pytest.fixture(scope="session", name="build")
def _build():
    return build


def pytest_generate_tests(metafunc):
    if "scene_orientation" in metafunc.fixturenames:
        metafunc.parametrize("scene_orientation", ORIENTATIONS)
