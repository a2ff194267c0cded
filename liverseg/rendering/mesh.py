"""Surfaces of liver and tumours in patient coordinates.

Each body is averaged to a coarser grid and smoothed by less than a cell. Its surface encloses the volume of
its voxels, so smoothing neither grows nor shrinks it, and every lesion has a surface. Lesions have finer
cells than the liver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.components import Box
from liverseg.core.geometry import orthogonal_affine
from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, TUMOUR, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.surface_nets import EMPTY_SURFACE, Surface, level_surface, merge_surfaces

SMOOTHING = 0.7
"""Standard deviation of the smoothing, in cell edges."""


@dataclass(frozen=True)
class Detail:
    """Approximate numbers of vertices; fewer if there are not enough voxels."""

    liver: int = 30_000
    lesion: int = 1_200  # of each lesion
    lesions: int = 60_000  # of all lesions together


DEFAULT_DETAIL = Detail()


@dataclass(frozen=True)
class Meshes:
    """Closed surfaces in RAS millimetres."""

    organ: Surface  # liver and tumours together
    tumour: Surface  # all lesions


def unmeshable(ct: CTImage, slice_index: int | None = None) -> str:
    """Why an image has no mesh, as a clause; "" where it has one.

    `slice_index` is the only slice that was segmented.
    """
    if len(ct.hu) == 1 or slice_index is not None:
        return "a mesh needs a volume, and a single slice is none"
    if ct.spacing_mm is None:
        return "a mesh has its size in metres, and the voxel spacing of this input is not known"
    return ""


def check_meshable(ct: CTImage, slice_index: int | None = None) -> None:
    """Raise `InvalidSetting` for a single slice and for an unknown spacing, which allow no mesh."""
    reason = unmeshable(ct, slice_index)
    if reason:
        raise InvalidSetting(f"There is no mesh (glb): {reason}.")


def grid_to_patient(ct: CTImage) -> np.ndarray:
    """(4, 4) matrix from (slice, row, column) to the coordinates of the meshes, RAS millimetres.

    If the file has no affine, the axes are those of the radiological grid and the origin is its first voxel.
    """
    to_patient = ct.native.radiological_affine
    if to_patient is not None:
        return to_patient
    check_meshable(ct)
    return orthogonal_affine(ct.spacing_mm)[:, [2, 1, 0, 3]]


def make_meshes(ct: CTImage, seg: Segmentation, detail: Detail = DEFAULT_DETAIL) -> Meshes:
    """The surfaces of a volume; a surface is empty if its labels are absent.

    The coordinates are those of `grid_to_patient`. Raises `InvalidSetting` as `check_meshable` does.
    """
    check_meshable(ct)
    to_patient = grid_to_patient(ct)
    assert ct.spacing_mm is not None, "check_meshable rejects it"
    organ = EMPTY_SURFACE
    box = _stack_bounding_box(lambda z: seg.labels[z] > BACKGROUND, ct.shape)
    if box is not None:
        organ = _surface(seg.labels[box] > BACKGROUND, _origin(box), ct.spacing_mm, detail.liver)
    return Meshes(organ.mapped(to_patient), _lesions(ct, seg, ct.spacing_mm, detail).mapped(to_patient))


def _lesions(
    ct: CTImage, seg: Segmentation, spacing_mm: tuple[float, float, float], detail: Detail
) -> Surface:
    """The surfaces of all lesions, in index coordinates of the radiological grid."""
    box = _stack_bounding_box(lambda z: seg.labels[z] == TUMOUR, ct.shape)
    if box is None:
        return EMPTY_SURFACE
    from scipy import ndimage  # imported late, because the page starts faster without it

    # 26-connected, as in the list of lesions.
    components, count = ndimage.label(seg.labels[box] == TUMOUR, structure=np.ones((3, 3, 3)))
    vertices = min(detail.lesion, detail.lesions // count)
    surfaces = []
    for k, lesion_box in enumerate(ndimage.find_objects(components), start=1):
        origin = np.add(_origin(box), _origin(lesion_box))
        surfaces.append(_surface(components[lesion_box] == k, origin, spacing_mm, vertices))
    return merge_surfaces(surfaces)


def _origin(box: Box) -> np.ndarray:
    return np.array([side.start for side in box])


def _stack_bounding_box(slice_mask: Callable[[int], np.ndarray], shape: tuple[int, int, int]) -> Box | None:
    """The smallest box around a mask of `shape` (S, H, W) with the slices `slice_mask(z)`; None: empty."""
    slices, rows, columns = (np.zeros(n, bool) for n in shape)
    for z in range(shape[0]):
        mask = slice_mask(z)
        mask_rows = mask.any(axis=1)
        slices[z] = mask_rows.any()
        if slices[z]:
            rows |= mask_rows
            columns |= mask.any(axis=0)
    ends = [np.flatnonzero(used)[[0, -1]] for used in (slices, rows, columns) if used.any()]
    return tuple(slice(int(a), int(b) + 1) for a, b in ends) if ends else None  # type: ignore[return-value]


def cell_mm(voxels: int, spacing_mm: tuple[float, float, float], vertices: int) -> float:
    """Edge length of the cells on which the surface of a compact body has about `vertices` vertices.

    The surface area of a body of volume V is assumed to be 10 V^(2/3), twice that of a ball. An oblique
    surface has about 1.5 vertices per squared cell edge.
    """
    area_mm2 = 10 * (voxels * float(np.prod(spacing_mm))) ** (2 / 3)
    return float(np.sqrt(1.5 * area_mm2 / max(vertices, 1)))


def _surface(
    mask: np.ndarray, origin: np.ndarray, spacing_mm: tuple[float, float, float], vertices: int
) -> Surface:
    """The surface of a mask (S, H, W) whose first voxel is `origin`, in index coordinates of the grid."""
    voxels = int(np.count_nonzero(mask))
    edge_mm = cell_mm(voxels, spacing_mm, vertices)
    from scipy import ndimage

    # Cells are never smaller than voxels.
    counts = [
        max(1, min(n, round(n * step / edge_mm))) for n, step in zip(mask.shape, spacing_mm, strict=True)
    ]
    scale = np.array(mask.shape) / counts  # voxels per cell
    cells_mm = scale * spacing_mm
    sigma = SMOOTHING * min(edge_mm, cells_mm.min()) / cells_mm
    margin = [2 + int(np.ceil(2 * s)) for s in sigma]
    field = np.pad(_averaged(mask, counts), [(m, m) for m in margin])
    field = ndimage.gaussian_filter(field, sigma, mode="constant", truncate=3.0)
    for axis in range(3):  # a border of zeros closes the surface
        np.moveaxis(field, axis, 0)[[0, -1]] = 0
    surface = level_surface(field, _enclosing_level(field, voxels / float(np.prod(scale))))
    in_mm = Surface(((surface.vertices - margin + 0.5) * scale - 0.5) * spacing_mm, surface.faces)
    in_mm = in_mm.enclosing(voxels * float(np.prod(spacing_mm)))  # flat faces lie inside a convex surface
    return Surface(in_mm.vertices / spacing_mm + origin, surface.faces)


def _averaged(mask: np.ndarray, counts: list[int]) -> np.ndarray:
    """The mean of a mask (S, H, W) over `counts` equal parts along each axis: float32 of shape `counts`."""
    slices, rows, columns = counts
    weights = _shares(mask.shape[0], slices)  # (slices, S)
    total = np.zeros((slices, rows, columns), np.float32)
    for z, plane in enumerate(mask):
        small = cv2.resize(plane.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        for part in np.flatnonzero(weights[:, z]):
            total[part] += weights[part, z] * small
    return total


def _shares(n: int, parts: int) -> np.ndarray:
    """(parts, n) weights that average n steps over `parts` equal parts.

    >>> _shares(6, 4).tolist()[1]
    [0.0, 0.3333333432674408, 0.6666666865348816, 0.0, 0.0, 0.0]
    """
    ends = np.linspace(0, n, parts + 1)
    steps = np.arange(n)
    overlap = np.minimum(ends[1:, None], steps + 1) - np.maximum(ends[:-1, None], steps)
    share: np.ndarray = np.clip(overlap, 0, None) * parts / n
    return share.astype(np.float32)


def _enclosing_level(field: np.ndarray, cells: float) -> float:
    """A level, midway between two values of `field`, above which about `cells` of its values lie."""
    values = field[field > 0]
    above = min(max(round(cells), 1), len(values))
    ordered = np.partition(values, (len(values) - above, max(len(values) - above - 1, 0)))
    top = ordered[len(values) - above]
    below = ordered[len(values) - above - 1] if above < len(values) else 0.0
    return float(top + below) / 2
