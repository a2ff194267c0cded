"""Labels to surfaces of liver and tumours in patient coordinates (pure).

Each body is brought to a coarser grid by averaging, smoothed by less than a cell, and surfaced so that it
encloses as much as its voxels do: smoothing neither swells nor shrinks it, and no lesion is too
small to have a surface. Lesions have finer cells than the liver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.geometry import orthogonal_affine
from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, TUMOUR, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.surface_nets import NOTHING, Surface, joined, level_surface

SMOOTHING = 0.7
"""Standard deviation of the smoothing, in edges of a cell."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Detail:
    """About how many vertices surfaces get; fewer where the voxels do not give as many."""

    liver: int = 30_000
    lesion: int = 1_200  # each
    lesions: int = 60_000  # all together


@dataclass(frozen=True)
class Meshes:
    """Closed surfaces in patient coordinates: millimetres to the right, to anterior, to superior."""

    organ: Surface  # liver and tumours together, as in the pictures
    tumour: Surface  # every lesion


def check_meshable(ct: CTImage, slice_index: int | None = None) -> None:
    """Raises `InvalidSetting` for what has no surface in millimetres: a slice, or unknown spacing."""
    if len(ct.hu) == 1 or slice_index is not None:
        raise InvalidSetting("A mesh (glb) needs a volume; a single slice has none.")
    if ct.spacing_mm is None:
        raise InvalidSetting(
            "A mesh (glb) has its size in metres, and the voxel spacing of this input is not known."
        )


def make_meshes(ct: CTImage, seg: Segmentation, detail: Detail = Detail()) -> Meshes:  # noqa: B008 (frozen)
    """The surfaces of a volume; either is empty where nothing was found.

    Where the file does not say how the patient lay, the axes are those of the radiological grid and the
    origin is its first voxel. Raises `InvalidSetting` as `check_meshable` does.
    """
    check_meshable(ct)
    to_patient = ct.native.radiological_affine
    if to_patient is None:
        to_patient = orthogonal_affine(ct.spacing_mm)[:, [2, 1, 0, 3]]
    assert ct.spacing_mm is not None, "check_meshable refuses it"
    organ = NOTHING
    box = _box_of(lambda z: seg.labels[z] > BACKGROUND, ct.shape)
    if box is not None:
        organ = _surface(seg.labels[box] > BACKGROUND, _origin(box), ct.spacing_mm, detail.liver)
    return Meshes(organ.mapped(to_patient), _lesions(ct, seg, ct.spacing_mm, detail).mapped(to_patient))


def _lesions(
    ct: CTImage, seg: Segmentation, spacing_mm: tuple[float, float, float], detail: Detail
) -> Surface:
    """Every lesion's surface, in index coordinates of the radiological grid."""
    box = _box_of(lambda z: seg.labels[z] == TUMOUR, ct.shape)
    if box is None:
        return NOTHING
    from scipy import ndimage  # late: the page is served without it

    components, number = ndimage.label(
        seg.labels[box] == TUMOUR, structure=np.ones((3, 3, 3))
    )  # as lesions are told apart
    each = min(detail.lesion, detail.lesions // number)
    surfaces = []
    for k, place in enumerate(ndimage.find_objects(components), start=1):
        origin = np.add(_origin(box), _origin(place))
        surfaces.append(_surface(components[place] == k, origin, spacing_mm, each))
    return joined(surfaces)


def _origin(box: Box) -> np.ndarray:
    return np.array([side.start for side in box])


def _box_of(plane: Callable[[int], np.ndarray], shape: tuple[int, int, int]) -> Box | None:
    """The smallest box around a mask (S, H, W) of which a slice is made at a time; None: it is empty."""
    slices, rows, columns = (np.zeros(n, bool) for n in shape)
    for z in range(shape[0]):
        hit = plane(z)
        in_rows = hit.any(axis=1)
        slices[z] = in_rows.any()
        if slices[z]:
            rows |= in_rows
            columns |= hit.any(axis=0)
    ends = [np.flatnonzero(hit)[[0, -1]] for hit in (slices, rows, columns) if hit.any()]
    return tuple(slice(int(a), int(b) + 1) for a, b in ends) if ends else None  # type: ignore[return-value]


def cell_mm(voxels: int, spacing_mm: tuple[float, float, float], vertices: int) -> float:
    """The edge of the cells on which a compact body has about so many vertices.

    A body of volume V has a surface of about 10 V^(2/3), twice a ball's; a square edge of surface holds
    about 1.5 vertices, since it lies askew in the grid.
    """
    area_mm2 = 10 * (voxels * float(np.prod(spacing_mm))) ** (2 / 3)
    return float(np.sqrt(1.5 * area_mm2 / max(vertices, 1)))


def _surface(
    mask: np.ndarray, origin: np.ndarray, spacing_mm: tuple[float, float, float], vertices: int
) -> Surface:
    """The surface of a mask (S, H, W) that begins at `origin` of the grid, in its index coordinates."""
    voxels = int(np.count_nonzero(mask))
    edge_mm = cell_mm(voxels, spacing_mm, vertices)
    from scipy import ndimage

    # Never finer than the voxels: nothing is known in between.
    counts = [
        max(1, min(n, round(n * step / edge_mm))) for n, step in zip(mask.shape, spacing_mm, strict=True)
    ]
    scale = np.array(mask.shape) / counts  # voxels a cell
    cells_mm = scale * spacing_mm
    sigma = SMOOTHING * min(edge_mm, cells_mm.min()) / cells_mm
    margin = [2 + int(np.ceil(2 * s)) for s in sigma]
    field = np.pad(_averaged(mask, counts), [(m, m) for m in margin])
    field = ndimage.gaussian_filter(field, sigma, mode="constant", truncate=3.0)
    for axis in range(3):  # so that the surface closes
        np.moveaxis(field, axis, 0)[[0, -1]] = 0
    surface = level_surface(field, _enclosing_level(field, voxels / float(np.prod(scale))))
    in_mm = Surface(((surface.vertices - margin + 0.5) * scale - 0.5) * spacing_mm, surface.faces)
    in_mm = in_mm.enclosing(voxels * float(np.prod(spacing_mm)))  # flat faces cut the corners of round bodies
    return Surface(in_mm.vertices / spacing_mm + origin, surface.faces)


def _averaged(mask: np.ndarray, counts: list[int]) -> np.ndarray:
    """The mean of a mask (S, H, W) over equal parts, `counts` of them along each axis, as float32."""
    slices, rows, columns = counts
    weights = _shares(mask.shape[0], slices)  # (slices, S)
    total = np.zeros((slices, rows, columns), np.float32)
    for z, plane in enumerate(mask):
        small = cv2.resize(plane.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        for part in np.flatnonzero(weights[:, z]):
            total[part] += weights[part, z] * small
    return total


def _shares(n: int, parts: int) -> np.ndarray:
    """(parts, n) weights that average n steps over equal parts.

    >>> _shares(6, 4).tolist()[1]
    [0.0, 0.3333333432674408, 0.6666666865348816, 0.0, 0.0, 0.0]
    """
    ends = np.linspace(0, n, parts + 1)
    steps = np.arange(n)
    overlap = np.minimum(ends[1:, None], steps + 1) - np.maximum(ends[:-1, None], steps)
    share: np.ndarray = np.clip(overlap, 0, None) * parts / n
    return share.astype(np.float32)


def _enclosing_level(field: np.ndarray, cells: float) -> float:
    """The level above which lie about `cells` points of a field, between two of its values."""
    values = field[field > 0]
    above = min(max(round(cells), 1), len(values))
    ordered = np.partition(values, (len(values) - above, max(len(values) - above - 1, 0)))
    top = ordered[len(values) - above]
    below = ordered[len(values) - above - 1] if above < len(values) else 0.0
    return float(top + below) / 2
