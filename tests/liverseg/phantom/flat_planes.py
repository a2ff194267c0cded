"""Planes without noise and warp, on which the organs of a phantom have their plain shapes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from liverseg.phantom.shapes import Canvas, SlicePlane

AIR_HU = -1000.0


def flat_plane(z: float, pixel_mm: float = 4.0, half_mm: tuple[float, float] = (190.0, 150.0)) -> SlicePlane:
    """The plane at height `z`, from -`half_mm` to +`half_mm` (x, y) around the origin."""
    x_axis, y_axis = (np.arange(-half, half + pixel_mm / 2, pixel_mm) for half in half_mm)
    x, y = np.meshgrid(x_axis.astype(np.float32), y_axis.astype(np.float32))
    zeros = np.zeros_like(x)
    return SlicePlane(x_axis, y_axis, z, pixel_mm, x, y, zeros, zeros, zeros)


def canvas_of(plane: SlicePlane, hu: float = AIR_HU) -> Canvas:
    """A canvas with the same HU everywhere."""
    return Canvas(plane, np.full(plane.shape, hu, np.float32))


def hu_at(canvas: Canvas, x: float, y: float) -> float:
    """HU of the pixel nearest to a point in mm."""
    row = np.abs(canvas.plane.y_axis - y).argmin()
    return float(canvas.hu[row, np.abs(canvas.plane.x_axis - x).argmin()])


def assert_same(a: Any, b: Any) -> None:
    """Two organs have equal fields, also those that are arrays."""
    np.testing.assert_equal(dataclasses.asdict(a), dataclasses.asdict(b))
