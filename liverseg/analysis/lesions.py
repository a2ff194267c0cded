"""Lesions: the candidates of a segmentation with their measures (pure).

Without lesion rules (`core.lesion_candidates`) the lesions are the connected components of the tumour label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from liverseg.analysis.diameters import lesion_diameters
from liverseg.core.components import Box, Components
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER
from liverseg.core.lesion_candidates import LIKELY
from liverseg.core.segmentation import Segmentation

MEASURABLE_MM = 10.0
"""The smallest longest axial diameter of a measurable lesion in CT (RECIST 1.1)."""

MAX_LESIONS = 1000
"""Only this many lesions, the largest, are measured. More are noise, as in an image other than CT."""


@dataclass(frozen=True)
class Lesion:
    """One connected tumour region (8-connected in a slice, 26-connected in a volume).

    Indices count from 0 on the radiological grid of the `CTImage`.
    """

    id: int  # from 1: likely lesions first, then unsure ones, each from the largest to the smallest
    slice_range: tuple[int, int]  # first and last slice, both included
    centroid_px: tuple[float, float, float]  # slice, row, column
    centroid_ras_mm: tuple[float, float, float] | None  # patient coordinates; None: not in the file
    count: int  # pixels of a slice, voxels of a volume
    area_mm2: float | None  # None: a volume, or spacing unknown
    volume_ml: float | None  # None: a slice, or spacing unknown
    longest_diameter_mm: float | None  # in the axial plane; None: spacing unknown
    perpendicular_diameter_mm: float | None  # None: spacing unknown
    longest_diameter_px: float
    perpendicular_diameter_px: float
    diameter_slice: int  # the slice with the longest diameter
    measurable: bool | None  # at least `MEASURABLE_MM` long (RECIST 1.1); None: spacing unknown
    mean_probability: float | None  # tumour probability over the pixels of the lesion; None: no network
    peak_probability: float | None
    mean_hu: float
    touches_edge: bool  # at the image border, or in the first or last slice of a volume
    touches_liver: bool  # is face-adjacent to a liver pixel outside it
    likely: bool = True  # False: unsure or rejected, labelled liver
    lesion_probability: float | None = None  # that the lesion is real; None: the checkpoint has no model
    rejected: bool = False  # by the user (`core.lesion_rejection`)


def _centroid(mask: np.ndarray, offset: tuple[int, ...]) -> tuple[float, ...]:
    """Mean index of the True elements along each axis, plus `offset`."""
    total = np.count_nonzero(mask)
    means = []
    for axis, start in enumerate(offset):
        profile = mask.sum(axis=tuple(a for a in range(mask.ndim) if a != axis))
        means.append(float(profile @ np.arange(len(profile)) / total) + start)
    return tuple(means)


def _ras_mm(ct: CTImage, index: tuple[float, ...]) -> tuple[float, float, float] | None:
    """Patient coordinates (RAS, mm) of an index of the radiological grid; None where the file has none."""
    affine = ct.native.radiological_affine
    if affine is None or ct.spacing_mm is None or not any(ct.native.affine_codes):
        return None
    x, y, z = (float(v) for v in (affine @ [*index, 1.0])[:3])
    return x, y, z


def _is_adjacent(mask: np.ndarray, other: np.ndarray) -> bool:
    """Whether an element of one mask shares a face with an element of the other."""
    for axis in range(mask.ndim):
        a, b = np.moveaxis(mask, axis, 0), np.moveaxis(other, axis, 0)
        if (a[1:] & b[:-1]).any() or (a[:-1] & b[1:]).any():
            return True
    return False


@dataclass(frozen=True)
class LesionOrder:
    """The numbered lesions of a segmentation: component and rank."""

    components: Components
    order: np.ndarray  # (n,) the component of each lesion, by rank
    likely: int  # the number of likely lesions, rejected or not, which come first

    def ranks(self) -> np.ndarray:
        """(components,) int64: the number of each component from 1; 0 for faint ones."""
        ranks = np.zeros(len(self.components), np.int64)
        ranks[self.order] = np.arange(1, len(self.order) + 1)
        return ranks


def order_lesions(seg: Segmentation) -> LesionOrder:
    """The lesions of a segmentation: likely ones first, then unsure ones, each from the largest on.

    Lesions of equal size are in the order of their slices. Faint candidates are left out, and rejected ones
    keep their places.
    """
    if seg.candidates is None:
        components = seg.tumour_components
        order = np.argsort(-components.sizes, kind="stable")
        return LesionOrder(components, order, len(order))
    likely = int(np.count_nonzero(seg.candidates.status == LIKELY))
    return LesionOrder(seg.candidates.components, seg.candidates.order(), likely)


def lesion_numbers(seg: Segmentation, z: int, ordered: LesionOrder | None = None) -> np.ndarray:
    """(H, W) uint16: the number (`Lesion.id`) of the lesion at each pixel of slice `z`, 0 elsewhere.

    Lesions beyond the first 65,535 have the number 0.
    """
    ordered = order_lesions(seg) if ordered is None else ordered
    ranks = np.append(ordered.ranks(), 0)  # the last element stands for background, which is -1
    ranks[ranks > np.iinfo(np.uint16).max] = 0
    numbers: np.ndarray = ranks[ordered.components.numbers(z)].astype(np.uint16)
    return numbers


def lesion_volume(seg: Segmentation) -> np.ndarray:
    """(S, H, W) uint16: `lesion_numbers` of every slice."""
    ordered = order_lesions(seg)
    numbers = np.zeros(seg.labels.shape, np.uint16)
    for z, parts in enumerate(ordered.components.parts):
        if parts is not None:
            numbers[z] = lesion_numbers(seg, z, ordered)
    return numbers


def find_lesions(ct: CTImage, seg: Segmentation) -> tuple[tuple[Lesion, ...], int]:
    """The measured lesions of a segmentation in the order of `order_lesions`, and the number of all lesions.

    `seg` lies on the grid of `ct`, (S, H, W). At most `MAX_LESIONS` lesions are measured. Lengths, areas and
    volumes are None if the spacing is unknown.
    """
    ordered = order_lesions(seg)
    boxes = ordered.components.boxes()
    lesions = []
    for rank, k in enumerate(ordered.order[:MAX_LESIONS].tolist(), start=1):
        lesion = _measure_lesion(ct, seg, rank, ordered.components.mask(k, boxes[k]), boxes[k])
        if seg.candidates is not None:
            p, rejected = seg.candidates.probability, bool(seg.candidates.is_rejected[k])
            lesion = replace(
                lesion,
                likely=rank <= ordered.likely and not rejected,
                lesion_probability=None if p is None else float(p[k]),
                rejected=rejected,
            )
        lesions.append(lesion)
    return tuple(lesions), len(ordered.order)


def _measure_lesion(ct: CTImage, seg: Segmentation, number: int, mask: np.ndarray, box: Box) -> Lesion:
    """Measures of the lesion `number`, whose `mask` fills `box` of the grid."""
    count = int(np.count_nonzero(mask))
    probability = seg.tumour_probability[box][mask].astype(np.float64)
    centroid = _centroid(mask, tuple(extent.start for extent in box))
    plane_spacing = (1.0, 1.0) if ct.spacing_mm is None else ct.spacing_mm[1:]
    diameters = lesion_diameters(mask, plane_spacing)
    known = ct.spacing_mm is not None
    pixel_mm2, voxel_mm3 = ct.pixel_area_mm2, ct.voxel_volume_mm3
    is_volume = ct.kind == "volume"

    # A single slice has no first and last slice that could cut a lesion off.
    bounded_axes = range(0 if is_volume else 1, 3)
    touches_edge = any(box[axis].start == 0 or box[axis].stop == ct.shape[axis] for axis in bounded_axes)
    wider_box = tuple(slice(max(extent.start - 1, 0), extent.stop + 1) for extent in box)
    neighbourhood = seg.labels[wider_box]
    inner = tuple(slice(e.start - w.start, e.stop - w.start) for e, w in zip(box, wider_box, strict=True))
    lesion = np.zeros(neighbourhood.shape, bool)
    lesion[inner] = mask

    return Lesion(
        id=number,
        slice_range=(box[0].start, box[0].stop - 1),
        centroid_px=centroid,  # type: ignore[arg-type]
        centroid_ras_mm=_ras_mm(ct, centroid),
        count=count,
        area_mm2=None if pixel_mm2 is None or is_volume else count * pixel_mm2,
        volume_ml=None if voxel_mm3 is None or not is_volume else count * voxel_mm3 / 1000,
        longest_diameter_mm=diameters.longest if known else None,
        perpendicular_diameter_mm=diameters.perpendicular if known else None,
        longest_diameter_px=diameters.longest_px,
        perpendicular_diameter_px=diameters.perpendicular_px,
        diameter_slice=box[0].start + diameters.slice_index,
        measurable=diameters.longest >= MEASURABLE_MM if known else None,
        mean_probability=float(probability.mean()) if seg.has_probabilities else None,
        peak_probability=float(probability.max()) if seg.has_probabilities else None,
        mean_hu=float(ct.hu[box][mask].mean(dtype=np.float64)),
        touches_edge=touches_edge,
        touches_liver=_is_adjacent(lesion, (neighbourhood == LIVER) & ~lesion),  # unsure ones are liver, too
    )
