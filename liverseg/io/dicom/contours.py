"""From a mask to closed polygons along the edges of its pixels, holes joined by keyholes (pure).

Why the edges of pixels: a polygon through the middles of the outermost pixels, as many tools draw it, is
half a pixel too small all round and loses a lone pixel altogether; one that cuts the corners loses half of a
lone pixel. Along the edges area and centroid are those of the mask, and every pixel's middle lies half
a pixel from the line, so that whoever fills it finds the same pixels.

Why keyholes: of a CLOSED_PLANAR contour DICOM says that a hole is drawn by a channel of no width from
the outer contour to the inner one (PS3.3 C.8.8.6.3). Some planning systems take a contour inside another as
a hole, others as filled; a keyhole is a hole to both.
"""

from __future__ import annotations

import numpy as np

_TWO_WAYS = (0b0101, 0b1010)  # of a corner where two pixels touch: both east and west, or south and north


def closed_contours(mask: np.ndarray) -> list[np.ndarray]:
    """The regions of a boolean (H, W) mask as polygons (n, 2) of (row, column) pixel corners.

    Corner (r, c) is the upper left one of pixel (r, c), so it lies at (r - 0.5, c - 0.5) in pixel middles.
    Polygons do not overlap; filled by either rule (even-odd, non-zero) and joined they are the mask. Pixels
    that touch only by a corner are apart. Outer edges run clockwise (rows downwards), the first point is
    not repeated, and points on straight stretches are left out. An empty mask has none.

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
    part = np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], bool)
    width = part.shape[1] + 1
    rings, channel_ends = _keyholed(_loops(part), width)
    kept = np.zeros(width * (part.shape[0] + 1), bool)
    kept[channel_ends] = True
    return [first + _corners(np.array(ring), kept, width) for ring in rings]


def _loops(mask: np.ndarray) -> list[list[int]]:
    """The edges between mask and background as closed walks over corners, numbered row by row.

    The mask is on the right hand. No walk meets a corner twice.
    """
    inside = np.pad(mask, 1)
    ways = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.uint8)  # bits: east, south, west, north
    ways[:-1, :-1] |= (mask & ~inside[:-2, 1:-1]) * np.uint8(1)
    ways[:-1, 1:] |= (mask & ~inside[1:-1, 2:]) * np.uint8(2)
    ways[1:, 1:] |= (mask & ~inside[2:, 1:-1]) * np.uint8(4)
    ways[1:, :-1] |= (mask & ~inside[1:-1, :-2]) * np.uint8(8)
    steps = (1, ways.shape[1], -1, -ways.shape[1])
    starts = np.flatnonzero(ways).tolist()
    ways_out = ways.tobytes()
    left = bytearray(ways_out)  # the ways not yet walked
    loops: list[list[int]] = []
    for start in starts:
        while left[start]:
            loops += _walk(start, ways_out, left, steps)
    return loops


def _walk(start: int, ways_out: bytes, left: bytearray, steps: tuple[int, ...]) -> list[list[int]]:
    """The closed walk from `start`, cut in two wherever it meets a corner again."""
    heading = (left[start] & -left[start]).bit_length() - 1
    loops: list[list[int]] = []
    path, met = [start], {start: 0}
    at = start
    while True:
        left[at] &= ~(1 << heading)
        at += steps[heading]
        ways = ways_out[at]
        forked = ways in _TWO_WAYS
        # Where two pixels touch by a corner, to the right: along the same pixel, not across to the other.
        heading = (heading + 1) % 4 if forked else ways.bit_length() - 1
        if not left[at] >> heading & 1:  # the way taken from the start
            return [*loops, path]
        if forked and at in met:
            loop = path[met[at] :]
            del path[met[at] + 1 :]
            for corner in loop[1:]:
                met.pop(corner, None)
            loops.append(loop)
            continue
        if forked:
            met[at] = len(path)
        path.append(at)


def _keyholed(loops: list[list[int]], width: int) -> tuple[list[list[int]], list[int]]:
    """The outer loops, each with its holes spliced in, and the ends of the channels."""
    is_outer = [_signed_area(loop, width) > 0 for loop in loops]
    rings = [loop for loop, outer in zip(loops, is_outer, strict=True) if outer]
    holes = [loop for loop, outer in zip(loops, is_outer, strict=True) if not outer]
    channel_ends: list[int] = []
    if not holes:
        return rings, channel_ends
    owner = {corner: k for k, ring in enumerate(rings) for corner in ring}
    # From a hole's upper left corner straight left there is mask above and below, up to the outer edge or to
    # a hole whose upper left corner comes first: by then it is part of a ring.
    for hole in sorted(holes, key=min):
        turn = hole.index(min(hole))
        hole = hole[turn:] + hole[:turn]
        door = hole[0]
        while door not in owner:
            door -= 1
        ring = rings[owner[door]]
        at = ring.index(door)
        channel = [door] if door != hole[0] else []
        channel_ends += [*channel, hole[0]]
        ring[at : at + 1] = [*channel, *hole, hole[0], *channel]
        owner.update(dict.fromkeys(hole, owner[door]))
    return rings, channel_ends


def _signed_area(loop: list[int], width: int) -> int:
    """Area in pixels, positive when the inside is on the right hand."""
    rows, columns = np.divmod(np.array(loop), width)
    return int(columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)) // 2


def _corners(ring: np.ndarray, kept: np.ndarray, width: int) -> np.ndarray:
    """(n, 2) rows and columns of a closed walk's turns, and of the corners that are to be kept."""
    points = np.stack(np.divmod(ring, width), axis=1)
    arriving = np.sign(points - np.roll(points, 1, axis=0))
    leaving = np.roll(arriving, -1, axis=0)
    turns: np.ndarray = (arriving != leaving).any(axis=1)
    corners: np.ndarray = points[turns | kept[ring]]
    return corners
