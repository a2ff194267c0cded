"""Where the lesions of a result lie: the point to go to, and the places of their numbers (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.lesions import Lesion, LesionOrder, lesion_numbers, order_lesions
from liverseg.core.segmentation import Segmentation
from liverseg.rendering.planes import Point

MOST_NUMBERED = 100
"""Only this many lesions, the first of the list, have their numbers on the pictures: more hide the tissue."""


@dataclass(frozen=True)
class LesionPlace:
    """The place of a lesion on the radiological grid; indices count from 0."""

    id: int
    kind: str  # "likely", "unsure" or "rejected"
    point: Point  # a point inside the lesion, see `lesion_point`
    box: tuple[int, int, int, int, int, int]  # first slice, slice stop, first row, row stop, and of columns
    corners: tuple[tuple[int, int, int], ...]
    """For each of its slices: the slice, the first row and the column stop of the box around the lesion in
    it. That is the upper right corner of the box in the picture."""


def lesion_kind(lesion: Lesion) -> str:
    """The kind of a lesion on the page: "likely", "unsure" or "rejected"."""
    return "rejected" if lesion.rejected else "likely" if lesion.likely else "unsure"


def lesion_point(seg: Segmentation, lesion: Lesion, ordered: LesionOrder | None = None) -> Point:
    """A point inside a lesion: in the slice of its longest diameter, the pixel nearest to its centroid.

    The centroid itself may lie outside the lesion.
    """
    rows, columns = np.nonzero(lesion_numbers(seg, lesion.diameter_slice, ordered) == lesion.id)
    _, row, column = lesion.centroid_px
    nearest = int(((rows - row) ** 2 + (columns - column) ** 2).argmin())
    return lesion.diameter_slice, int(rows[nearest]), int(columns[nearest])


def lesion_places(seg: Segmentation, lesions: Sequence[Lesion]) -> list[LesionPlace]:
    """The places of the first `MOST_NUMBERED` of the `lesions` of a segmentation."""
    numbered = lesions[:MOST_NUMBERED]
    ordered = order_lesions(seg)
    ranks = ordered.ranks()
    corners: dict[int, list[tuple[int, int, int]]] = {lesion.id: [] for lesion in numbered}
    for z, parts in enumerate(ordered.components.parts):
        if parts is None:
            continue
        ids = ranks[parts.components]
        for lesion_id in np.unique(ids).tolist():
            if lesion_id in corners:
                boxes = parts.boxes[ids == lesion_id]
                corners[lesion_id].append((z, int(boxes[:, 0].min()), int(boxes[:, 3].max())))
    all_boxes = ordered.components.boxes() if numbered else []
    places = []
    for lesion in numbered:
        slices, rows, columns = all_boxes[int(ordered.order[lesion.id - 1])]
        box = (slices.start, slices.stop, rows.start, rows.stop, columns.start, columns.stop)
        point = lesion_point(seg, lesion, ordered)
        places.append(LesionPlace(lesion.id, lesion_kind(lesion), point, box, tuple(corners[lesion.id])))
    return places
