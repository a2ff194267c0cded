"""The affine of an NRRD image from `space`, `space directions`, `space origin` and `spacings`.

The fields: https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from liverseg.io.volume.affine import HeaderAffine, assumed_affine, with_third_axis
from liverseg.io.volume.text_header import field_error, numbers

TITLE = "NRRD"
_TO_RAS = {  # signs that lead from the axes of a space to right, anterior, superior
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
}
_MM_PER_UNIT = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 10.0),
    **dict.fromkeys(("m", "meter", "meters"), 1000.0),
    **dict.fromkeys(("um", "µm", "micron", "microns", "micrometer", "micrometers"), 0.001),
}
_VECTOR = re.compile(r"none|\(([^()]*)\)", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')


def space_directions(text: str, rank: int) -> list[np.ndarray | None]:
    """The direction (3,) of each axis, in the unit and the space of the header; None for an axis without.

    Raises UnreadableInput for another number of directions than `rank`, and for damaged ones.

    >>> space_directions("none (0.7,0,0)", 2)
    [None, array([0.7, 0. , 0. ])]
    """
    name = "“space directions”"
    if _VECTOR.sub("", text).strip():
        raise field_error(TITLE, name)
    found = [match[1] for match in _VECTOR.finditer(text)]
    if len(found) != rank:
        raise field_error(TITLE, name)
    return [None if inside is None else _vector(inside, name) for inside in found]


def _vector(inside: str, name: str) -> np.ndarray:
    """Three coordinates from the inside of parentheses; a missing third one is 0."""
    coordinates = numbers(inside.replace(",", " "), TITLE, name)
    if not 2 <= len(coordinates) <= 4:  # a fourth one is time
        raise field_error(TITLE, name)
    return np.array([*coordinates, 0.0][:3])


def nrrd_affine(
    fields: Mapping[str, str],
    directions: Sequence[np.ndarray | None] | None,
    kept: Sequence[int],
    shape: tuple[int, ...],
) -> tuple[HeaderAffine, float]:
    """The affine of an image of `shape`, and its unit of length in mm.

    `fields` are those of the header, by their names without spaces; `directions` come from
    `space_directions`, None where the header has none. `kept` are the numbers of the axes of `shape` in the
    header. The space gives the orientation if it is LPS, RAS or LAS. Without one the sizes alone are known,
    and the axes are assumed to run to the left, to posterior and to superior, as in ITK.
    """
    unit = _unit(fields, kept)
    signs = _TO_RAS.get(fields.get("space", "").strip().lower())
    given = [None if directions is None else directions[k] for k in kept[:3]]
    if signs is not None and all(one is not None for one in given):
        affine = np.eye(4)
        affine[:3, :3] = 0.0
        for column, direction in enumerate(given):
            affine[:3, column] = signs * direction  # type: ignore[operator]
        has_third = len(given) > 2
        affine[:3, 3] = signs * _origin(fields)
        if unit is not None and np.isfinite(affine).all() and with_third_axis(affine, 0.0):
            return HeaderAffine(affine, (1, 1), (True, True, has_third)), unit
    sizes = _sizes(fields, given, kept)
    known = [bool(unit is not None and np.isfinite(size) and size > 0) for size in sizes]
    return assumed_affine(sizes, (known[0], known[1], known[2])), unit or 1.0


def _sizes(fields: Mapping[str, str], given: Sequence[np.ndarray | None], kept: Sequence[int]) -> list[float]:
    """The voxel size along each of three axes, from the lengths of the directions or from `spacings`."""
    if given and all(one is not None for one in given):
        lengths = [float(np.linalg.norm(one)) for one in given]  # type: ignore[arg-type]
    else:
        stored = numbers(fields.get("spacings", ""), TITLE, "“spacings”")
        lengths = [stored[k] if k < len(stored) else np.nan for k in kept[:3]]
    return [*lengths, np.nan, np.nan][:3]


def _origin(fields: Mapping[str, str]) -> np.ndarray:
    """(3,) the position of the first voxel in the space of the header; zero where it is not given."""
    found = _VECTOR.fullmatch(fields.get("spaceorigin", "none").strip())
    if found is None:
        raise field_error(TITLE, "“space origin”")
    return np.zeros(3) if found[1] is None else _vector(found[1], "“space origin”")


def _unit(fields: Mapping[str, str], kept: Sequence[int]) -> float | None:
    """The unit of length in mm; mm without a statement, None for units that differ or are not lengths."""
    stated = _QUOTED.findall(fields.get("spaceunits", ""))
    if not stated:
        stated = _QUOTED.findall(fields.get("units", ""))
        stated = [stated[k] for k in kept[:3] if k < len(stated)]
    units = {_MM_PER_UNIT.get(unit.strip().lower()) for unit in stated if unit.strip()}
    return 1.0 if not units else units.pop() if len(units) == 1 else None
