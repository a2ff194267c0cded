"""Tumour labels to a list of lesions: connected components, each with its measures (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.analysis.diameters import lesion_diameters
from liverseg.core.components import Box, find_components
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.segmentation import Segmentation

MEASURABLE_MM = 10.0
"""RECIST 1.1: a lesion is measurable in CT from this longest axial diameter on."""

MOST = 1000
"""Lesions that are measured, the largest: more are no tumours but the noise of an input that is no CT."""


@dataclass(frozen=True)
class Lesion:
    """One connected tumour region: pixels that share a corner, in a slice or across slices, are one.

    Indices count from 0 on the radiological grid of the `CTImage`.
    """

    id: int  # 1 is the largest
    slice_range: tuple[int, int]  # first and last slice, both included
    centroid_px: tuple[float, float, float]  # slice, row, column
    centroid_ras_mm: tuple[float, float, float] | None  # patient coordinates; None: the file has none
    count: int  # pixels of a slice, voxels of a volume
    area_mm2: float | None  # of a slice; None: a volume, or spacing unknown
    volume_ml: float | None  # of a volume; None: a slice, or spacing unknown
    longest_diameter_mm: float | None  # in the axial plane; None: spacing unknown
    perpendicular_diameter_mm: float | None  # None: spacing unknown
    longest_diameter_px: float
    perpendicular_diameter_px: float
    diameter_slice: int  # the slice where it is longest
    measurable: bool | None  # at least `MEASURABLE_MM` long (RECIST 1.1); None: spacing unknown
    mean_probability: float  # of tumour, over the lesion's pixels
    peak_probability: float
    mean_hu: float
    touches_edge: bool  # cut off by the picture's border or the volume's first or last slice
    touches_liver: bool  # has a pixel labelled liver as a direct neighbour


def _centroid(mask: np.ndarray, offset: tuple[int, ...]) -> tuple[float, ...]:
    """Mean index of the True elements, counted from `offset`, one value an axis."""
    total = np.count_nonzero(mask)
    means = []
    for axis, start in enumerate(offset):
        profile = mask.sum(axis=tuple(a for a in range(mask.ndim) if a != axis))
        means.append(float(profile @ np.arange(len(profile)) / total) + start)
    return tuple(means)


def _ras_mm(ct: CTImage, index: tuple[float, ...]) -> tuple[float, float, float] | None:
    """Patient coordinates of an index of the radiological grid; None where the file gives none."""
    affine = ct.native.radiological_affine
    if affine is None or ct.spacing_mm is None or not any(ct.native.affine_codes):
        return None
    x, y, z = (float(v) for v in (affine @ [*index, 1.0])[:3])
    return x, y, z


def _borders_on(mask: np.ndarray, other: np.ndarray) -> bool:
    """Whether an element of one mask has a direct neighbour (along an axis) in the other."""
    for axis in range(mask.ndim):
        a, b = np.moveaxis(mask, axis, 0), np.moveaxis(other, axis, 0)
        if (a[1:] & b[:-1]).any() or (a[:-1] & b[1:]).any():
            return True
    return False


def find_lesions(ct: CTImage, seg: Segmentation) -> tuple[tuple[Lesion, ...], int]:
    """The lesions of a segmentation, the largest first, and how many there are in all.

    Equal sizes come in the order of their slices; of more than `MOST` lesions the largest are measured. `seg`
    lies on the grid of `ct`, (S, H, W). Lengths, areas and volumes are None where the spacing is unknown.
    """
    found = find_components(lambda z: seg.labels[z] == TUMOUR, len(seg.labels))
    boxes = found.boxes()
    order = np.argsort(-found.sizes, kind="stable")[:MOST]
    measured = (
        _measure_one(ct, seg, rank, found.mask(k, boxes[k]), boxes[k])
        for rank, k in enumerate(order.tolist(), start=1)
    )
    return tuple(measured), len(found)


def _measure_one(ct: CTImage, seg: Segmentation, number: int, mask: np.ndarray, place: Box) -> Lesion:
    """Measures of the lesion whose mask fills the box `place` of the grid."""
    count = int(np.count_nonzero(mask))
    probability = seg.tumour_probability[place][mask].astype(np.float64)
    centroid = _centroid(mask, tuple(p.start for p in place))
    plane_spacing = (1.0, 1.0) if ct.spacing_mm is None else ct.spacing_mm[1:]
    diameters = lesion_diameters(mask, plane_spacing)
    known = ct.spacing_mm is not None
    pixel_mm2, voxel_mm3 = ct.pixel_area_mm2, ct.voxel_volume_mm3
    is_volume = ct.kind == "volume"

    # The slices of a lone picture are not a border that could cut a lesion off.
    bounded = range(0 if is_volume else 1, 3)
    touches_edge = any(place[a].start == 0 or place[a].stop == ct.shape[a] for a in bounded)
    wider = tuple(slice(max(p.start - 1, 0), p.stop + 1) for p in place)
    around = seg.labels[wider]
    inside = np.zeros(around.shape, bool)
    inside[tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(place, wider, strict=True))] = (
        mask
    )

    return Lesion(
        id=number,
        slice_range=(place[0].start, place[0].stop - 1),
        centroid_px=centroid,  # type: ignore[arg-type]
        centroid_ras_mm=_ras_mm(ct, centroid),
        count=count,
        area_mm2=None if pixel_mm2 is None or is_volume else count * pixel_mm2,
        volume_ml=None if voxel_mm3 is None or not is_volume else count * voxel_mm3 / 1000,
        longest_diameter_mm=diameters.longest if known else None,
        perpendicular_diameter_mm=diameters.perpendicular if known else None,
        longest_diameter_px=diameters.longest_px,
        perpendicular_diameter_px=diameters.perpendicular_px,
        diameter_slice=place[0].start + diameters.slice_index,
        measurable=diameters.longest >= MEASURABLE_MM if known else None,
        mean_probability=float(probability.mean()),
        peak_probability=float(probability.max()),
        mean_hu=float(ct.hu[place][mask].mean(dtype=np.float64)),
        touches_edge=touches_edge,
        touches_liver=_borders_on(inside, around == LIVER),
    )
