"""Where the grid of a mask lies on that of a CT: turned, flipped, shifted by whole voxels; not resampled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.errors import UnreadableInput

GRID_TOLERANCE_MM = 0.1
"""Largest distance of a corner of the mask from a corner of voxels of the CT."""


def affine_of(native: NativeGrid) -> np.ndarray | None:
    """(4, 4) from (slice, row, column) to RAS mm; None where the file does not store the position."""
    return native.radiological_affine if any(native.affine_codes) else None


@dataclass(frozen=True)
class Placement:
    """How an array of a mask becomes part of an array on the grid of a CT."""

    axes: tuple[int, int, int]  # of the mask, which become slice, row, column of the CT
    steps: tuple[int, int, int]  # voxels of the CT between neighbours of the mask; negative: flipped
    start: tuple[int, int, int]  # where the first voxel of the mask lies on the grid of the CT

    def placed(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A bool array (S, H, W) of the mask as one of `shape`.

        Raises `UnreadableInput` if a True voxel lies outside.
        """
        turned = values.transpose(self.axes)
        target = np.zeros(shape, bool)
        kept, into = [], []
        for size, step, start, count in zip(turned.shape, self.steps, self.start, shape, strict=True):
            positions = start + step * np.arange(size)
            inside = np.flatnonzero((positions >= 0) & (positions < count))
            kept.append(inside)
            into.append(positions[inside])
        part = turned[np.ix_(*kept)]
        if np.count_nonzero(part) < np.count_nonzero(turned):
            raise UnreadableInput("The mask lies partly outside the scan: it was drawn on another scan.")
        target[np.ix_(*into)] = part
        return target


def place(own: NativeGrid, ct: CTImage, may_skip: bool = False) -> Placement:
    """How the grid of a mask lies on that of `ct`.

    Where one of the files does not store its position, the grids must have the same size. With `may_skip`
    slices of the CT between those of the mask may be missing. Raises `UnreadableInput` for another grid.
    """
    own_shape, affine, target = own.radiological_shape, affine_of(own), affine_of(ct.native)
    if affine is None or target is None:
        if own_shape != ct.shape:
            raise UnreadableInput(other_size(own_shape, ct.shape))
        return Placement((0, 1, 2), (1, 1, 1), (0, 0, 0))
    affine = _with_slice_step(affine, own_shape, target)
    moved = np.linalg.inv(target) @ affine
    turn = np.round(moved[:3, :3]).astype(int)
    centre = (np.array(own_shape) - 1) / 2
    shift = np.round(moved[:3, :3] @ centre + moved[:3, 3] - turn @ centre).astype(int)
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = turn, shift
    corners = np.array([(*corner, 1.0) for corner in product(*((0, n - 1) for n in own_shape))])
    off_mm = np.abs((corners @ (affine - target @ whole).T)[:, :3]).max()
    steps = np.abs(turn)
    is_turn = (np.count_nonzero(turn, axis=0) == 1).all() and (np.count_nonzero(turn, axis=1) == 1).all()
    most = steps.max() if may_skip else 1
    if not is_turn or steps.max() > most or off_mm > GRID_TOLERANCE_MM:
        raise UnreadableInput(_other_grid(affine, target))
    axes = tuple(int(axis) for axis in steps.argmax(axis=1))
    signed = tuple(int(turn[k, axis]) for k, axis in enumerate(axes))
    return Placement(axes, signed, tuple(int(n) for n in shift))  # type: ignore[arg-type]


def other_size(own_shape: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The sentence that a mask does not have the size of the scan."""
    sizes = (" × ".join(map(str, one)) for one in (own_shape, shape))
    return "The mask has {} voxels and the scan {}; they must be equal.".format(*sizes)


def _with_slice_step(affine: np.ndarray, shape: tuple[int, ...], target: np.ndarray) -> np.ndarray:
    """The affine of a mask; along an axis of one voxel it has the step of the target, since none is known."""
    lone = [axis for axis in range(3) if shape[axis] == 1]
    if len(lone) != 1:
        return affine
    first, second = (affine[:3, axis] for axis in range(3) if axis != lone[0])
    across = np.cross(first, second)
    nearest = int(np.abs(across @ (target[:3, :3] / np.linalg.norm(target[:3, :3], axis=0))).argmax())
    completed = affine.copy()
    completed[:3, lone[0]] = target[:3, nearest]
    return completed


def _other_grid(affine: np.ndarray, target: np.ndarray) -> str:
    own, ct = (np.linalg.norm(matrix[:3, :3], axis=0) for matrix in (affine, target))
    if not np.allclose(np.sort(own), np.sort(ct), rtol=1e-3):
        sizes = (" × ".join(f"{mm:.3g}" for mm in spacing) for spacing in (own, ct))
        return (
            "The mask lies on another grid than the scan: its voxels are {} mm apart, those of the scan "
            "{} mm; resample it to the scan first."
        ).format(*sizes)
    return "The mask lies on another grid than the scan: their headers give other positions or directions."
