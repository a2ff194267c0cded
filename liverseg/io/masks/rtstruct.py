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
        row, column = polygon.T
        ahead, beside = np.roll(polygon, -1, axis=0).T  # where each edge ends
        first = np.clip(np.ceil(np.minimum(row, ahead)), 0, height).astype(int)
        after = np.clip(np.ceil(np.maximum(row, ahead)), 0, height).astype(int)
        edges = np.repeat(np.arange(len(polygon)), after - first)  # an entry for each row that one crosses
        rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(after - first), after - first)
        rows += (after - first)[edges]
        share = (rows - row[edges]) / (ahead - row)[edges]
        at = column[edges] + share * (beside - column)[edges]
        right = np.clip(np.ceil(at), 0, width).astype(int)  # the first centre right of the edge
        np.add.at(crossings, (rows, right), 1)
    odd: np.ndarray = np.cumsum(crossings[:, :width], axis=1) % 2 == 1
    return odd


def contour_mask(dataset: pydicom.Dataset, sha256: str) -> ContourMask:
    """The mask in the dataset of an RT Structure Set. Raises `UnreadableInput` for a damaged one."""
    try:
        names = {
            int(item.ROINumber): str(item.get("ROIName", "")) for item in dataset.StructureSetROISequence
        }
        contours: dict[int, tuple[np.ndarray, ...]] = {}
        for item in dataset.get("ROIContourSequence", ()):
            drawn = [
                np.asarray(contour.ContourData, float).reshape(-1, 3) @ _LPS_TO_RAS
                for contour in item.get("ContourSequence", ())
                if str(contour.get("ContourGeometricType", "")).upper() in _CLOSED
            ]
            contours[int(item.ReferencedROINumber)] = tuple(one for one in drawn if len(one) > 2)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnreadableInput(
            "The DICOM RTSTRUCT is damaged: its ROIs or contours cannot be read."
        ) from error
    return ContourMask(sha256, tuple(MaskLabel(number, name) for number, name in names.items()), contours)
