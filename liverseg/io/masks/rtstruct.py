"""Reads the contours of a DICOM RT Structure Set of any tool as masks on the grid of a CT.

A voxel belongs to an ROI if its centre lies within an odd number of its contours on that slice, so that a
contour inside another one is a hole (CLOSED_PLANAR_XOR of DICOM PS3.3 C.8.8.6.3); a hole drawn as a keyhole
is one too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydicom

from liverseg.core.image import CTImage
from liverseg.errors import UnreadableInput
from liverseg.io.masks.grid import affine_of
from liverseg.io.masks.mask import MaskLabel

MAX_OFF_SLICE = 0.25
"""Largest distance of a contour from the slice that it lies on, as a share of the distance between slices."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
_EDGES_AT_ONCE = 4096  # bounds the memory for contours of very many long edges
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class ContourMask:
    """The closed contours of the ROIs of a structure set."""

    sha256: str
    labels: tuple[MaskLabel, ...]
    contours: dict[int, tuple[np.ndarray, ...]]  # number of the ROI -> (n, 3) points in RAS mm each
    format: str = "dicom rtstruct"

    def frame(self) -> None:
        return None

    def region(self, labels: Sequence[MaskLabel], ct: CTImage) -> np.ndarray:
        affine = affine_of(ct.native)
        if affine is None:
            raise UnreadableInput(
                "Contours of an RTSTRUCT need a scan whose file says where it lies in the patient."
            )
        to_index = np.linalg.inv(affine)
        found = np.zeros(ct.shape, bool)
        for label in labels:
            on_slice = defaultdict(list)
            for points in self.contours.get(label.number, ()):
                index = points @ to_index[:3, :3].T + to_index[:3, 3]
                on_slice[_slice_of(index, len(ct.hu))].append(index[:, 1:])
            for z, polygons in on_slice.items():
                found[z] |= inside(polygons, ct.shape[1:])
        return found


def _slice_of(index: np.ndarray, slices: int) -> int:
    """The slice of a contour (n, 3); raises `UnreadableInput` where it lies on none."""
    z = int(np.round(index[:, 0].mean()))
    limit = MAX_OFF_SLICE if slices > 1 else 0.5
    if np.abs(index[:, 0] - z).max() > limit or not 0 <= z < slices:
        raise UnreadableInput("A contour of the RTSTRUCT lies on no slice: it was drawn on another scan.")
    return z


def inside(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels whose centre lies within an odd number of polygons (n, 2) of row and column.

    >>> square = np.array([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]])
    >>> inside([square], (4, 4)).astype(int).sum(axis=1).tolist()
    [0, 2, 2, 0]
    """
    height, width = shape
    crossings = np.zeros((height, width + 1), np.int32)
    for polygon in polygons:
        edges = np.hstack([polygon, np.roll(polygon, -1, axis=0)])  # (n, 4): where each begins and ends
        for k in range(0, len(edges), _EDGES_AT_ONCE):
            _count_crossings(edges[k : k + _EDGES_AT_ONCE], crossings)
    odd: np.ndarray = np.cumsum(crossings[:, :width], axis=1) % 2 == 1
    return odd


def _count_crossings(edges: np.ndarray, crossings: np.ndarray) -> None:
    """Add one to `crossings` (H, W + 1) at the first centre to the right of every crossing of a row."""
    height, width = crossings.shape[0], crossings.shape[1] - 1
    row, column, end_row, end_column = edges.T
    first = np.clip(np.ceil(np.minimum(row, end_row)), 0, height).astype(int)
    count = np.clip(np.ceil(np.maximum(row, end_row)), 0, height).astype(int) - first
    of = np.repeat(np.arange(len(edges)), count)  # the edge of each crossing
    rows = np.arange(len(of)) + np.repeat(first + count - np.cumsum(count), count)
    share = (rows - row[of]) / (end_row - row)[of]
    at = column[of] + share * (end_column - column)[of]
    np.add.at(crossings, (rows, np.clip(np.ceil(at), 0, width).astype(int)), 1)


def contour_mask(dataset: pydicom.Dataset, sha256: str) -> ContourMask:
    """The mask in the dataset of an RT Structure Set. Raises `UnreadableInput` for a damaged one."""
    try:
        names = {
            int(item.ROINumber): str(item.get("ROIName", "")) for item in dataset.StructureSetROISequence
        }
        contours: dict[int, tuple[np.ndarray, ...]] = {}
        for item in dataset.get("ROIContourSequence", ()):
            drawn = [
                _points(contour)
                for contour in item.get("ContourSequence", ())
                if str(contour.get("ContourGeometricType", "")).upper() in _CLOSED
            ]
            contours[int(item.ReferencedROINumber)] = tuple(one for one in drawn if len(one) > 2)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnreadableInput(
            "The DICOM RTSTRUCT is damaged: its ROIs or contours cannot be read."
        ) from error
    return ContourMask(sha256, tuple(MaskLabel(number, name) for number, name in names.items()), contours)


def _points(contour: pydicom.Dataset) -> np.ndarray:
    """(n, 3) RAS mm of a contour. Raises `ValueError` for another number of points than it declares."""
    points: np.ndarray = np.asarray(contour.ContourData, float).reshape(-1, 3) @ _LPS_TO_RAS
    if len(points) != int(contour.get("NumberOfContourPoints", len(points))):
        raise ValueError("cut short")
    return points
