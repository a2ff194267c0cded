"""Closed polygons along the pixel edges of a mask, with holes joined to their outline by keyholes (pure).

The polygons follow pixel edges, so their area and centroid are those of the mask, and every pixel centre lies
half a pixel from a line: filling the polygons gives back the same pixels. Polygons through the centres of the
outermost pixels, a common alternative, are half a pixel too small all round and lose single pixels.

DICOM PS3.3 C.8.8.6.3 describes a hole in a CLOSED_PLANAR contour as a zero-width channel (keyhole) from the
outer contour to the inner one. Planning systems disagree on whether a contour inside another one is a hole;
a keyhole is a hole to all of them.
"""

from __future__ import annotations

import numpy as np

# Outgoing edges (bits as in `_edge_loops`) of a corner at which two pixels touch diagonally.
_DIAGONAL_CORNERS = (0b0101, 0b1010)  # east and west, or south and north


def closed_contours(mask: np.ndarray) -> list[np.ndarray]:
    """The 4-connected regions of a boolean (H, W) mask as polygons (n, 2) of (row, column) pixel corners.

    Corner (r, c) is the upper left corner of pixel (r, c), that is (r - 0.5, c - 0.5) in pixel-centre
    coordinates. Polygons do not overlap; their union, filled by the even-odd or the non-zero rule, is the
    mask. Outer edges run clockwise (rows downwards). The first point is not repeated, and points within
    straight stretches are left out. An empty mask gives an empty list.

    >>> closed_contours(np.array([[False, True, True]]))[0].tolist()
    [[0, 1], [0, 3], [1, 3], [1, 1]]
    >>> ring = np.ones((3, 3), bool)
    >>> ring[1, 1] = False
    >>> closed_contours(ring)[0].tolist()
    [[0, 0], [0, 3], [3, 3], [3, 0], [1, 0], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1], [1, 0]]
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    first = np.array([rows[0], columns[0]])
    cropped = np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], bool)
    width = cropped.shape[1] + 1
    rings, channel_ends = _with_keyholes(_edge_loops(cropped), width)
    kept = np.zeros(width * (cropped.shape[0] + 1), bool)
    kept[channel_ends] = True
    return [first + _turning_points(np.array(ring), kept, width) for ring in rings]


def _edge_loops(mask: np.ndarray) -> list[list[int]]:
    """The edges between mask and background as closed loops of corner indices, numbered row by row.

    The mask lies on the right-hand side. No loop visits a corner twice.
    """
    padded = np.pad(mask, 1)
    edges = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.uint8)  # outgoing: east, south, west, north
    edges[:-1, :-1] |= (mask & ~padded[:-2, 1:-1]) * np.uint8(1)
    edges[:-1, 1:] |= (mask & ~padded[1:-1, 2:]) * np.uint8(2)
    edges[1:, 1:] |= (mask & ~padded[2:, 1:-1]) * np.uint8(4)
    edges[1:, :-1] |= (mask & ~padded[1:-1, :-2]) * np.uint8(8)
    steps = (1, edges.shape[1], -1, -edges.shape[1])
    starts = np.flatnonzero(edges).tolist()
    outgoing = edges.tobytes()
    remaining = bytearray(outgoing)  # edges that no loop contains yet
    loops: list[list[int]] = []
    for start in starts:
        while remaining[start]:
            loops += _trace(start, outgoing, remaining, steps)
    return loops


def _trace(start: int, outgoing: bytes, remaining: bytearray, steps: tuple[int, ...]) -> list[list[int]]:
    """The closed walk from corner `start`, split into loops wherever it visits a corner again."""
    heading = (remaining[start] & -remaining[start]).bit_length() - 1
    loops: list[list[int]] = []
    path, visited = [start], {start: 0}  # `visited`: index in `path` of each diagonal corner
    corner = start
    while True:
        remaining[corner] &= ~(1 << heading)
        corner += steps[heading]
        edges = outgoing[corner]
        is_diagonal = edges in _DIAGONAL_CORNERS
        # At a diagonal corner turn right: stay on the same pixel, do not cross to the other.
        heading = (heading + 1) % 4 if is_diagonal else edges.bit_length() - 1
        if not remaining[corner] >> heading & 1:  # this edge was taken first: the walk is closed
            return [*loops, path]
        if is_diagonal and corner in visited:
            loop = path[visited[corner] :]
            del path[visited[corner] + 1 :]
            for other in loop[1:]:
                visited.pop(other, None)
            loops.append(loop)
            continue
        if is_diagonal:
            visited[corner] = len(path)
        path.append(corner)


def _with_keyholes(loops: list[list[int]], width: int) -> tuple[list[list[int]], list[int]]:
    """The outer loops, each with its holes spliced in, and the corners at the ends of the channels."""
    is_outer = [_signed_area(loop, width) > 0 for loop in loops]
    rings = [loop for loop, outer in zip(loops, is_outer, strict=True) if outer]
    holes = [loop for loop, outer in zip(loops, is_outer, strict=True) if not outer]
    channel_ends: list[int] = []
    if not holes:
        return rings, channel_ends
    ring_of = {corner: k for k, ring in enumerate(rings) for corner in ring}
    # Straight left of a hole's upper left corner, mask lies above and below up to an outer edge or up to a
    # hole whose upper left corner comes earlier. That hole is already part of a ring.
    for hole in sorted(holes, key=min):
        start = hole.index(min(hole))
        hole = hole[start:] + hole[:start]
        anchor = hole[0]
        while anchor not in ring_of:
            anchor -= 1
        ring = rings[ring_of[anchor]]
        index = ring.index(anchor)
        channel = [anchor] if anchor != hole[0] else []
        channel_ends += [*channel, hole[0]]
        ring[index : index + 1] = [*channel, *hole, hole[0], *channel]
        ring_of.update(dict.fromkeys(hole, ring_of[anchor]))
    return rings, channel_ends


def _signed_area(loop: list[int], width: int) -> int:
    """Area in pixels, positive if the inside lies on the right-hand side."""
    rows, columns = np.divmod(np.array(loop), width)
    return int(columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)) // 2


def _turning_points(ring: np.ndarray, kept: np.ndarray, width: int) -> np.ndarray:
    """(n, 2) rows and columns of the corners where a ring turns, and of those marked in `kept`."""
    points = np.stack(np.divmod(ring, width), axis=1)
    arriving = np.sign(points - np.roll(points, 1, axis=0))
    leaving = np.roll(arriving, -1, axis=0)
    turns: np.ndarray = (arriving != leaving).any(axis=1)
    corners: np.ndarray = points[turns | kept[ring]]
    return corners
