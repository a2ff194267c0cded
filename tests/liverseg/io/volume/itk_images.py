"""Volumes as SimpleITK writes and reads them, an independent reader of NIfTI, NRRD and MetaImage."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import SimpleITK

ORDERS = [(p, s) for p in itertools.permutations(range(3)) for s in itertools.product([1, -1], repeat=3)]
SPACING = (0.7, 0.8, 5.0)  # of columns, rows and slices, in mm
ORIGIN = (12.0, -34.0, 56.0)


def itk_image(volume: np.ndarray, order=(0, 1, 2), signs=(1, 1, 1)) -> SimpleITK.Image:
    """A radiological array (S, H, W) with its axes in another order and direction, and their geometry."""
    array = volume.transpose(2, 1, 0).transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    directions = np.zeros((3, 3))
    directions[list(order), range(3)] = signs
    image.SetDirection(directions.ravel().tolist())
    image.SetSpacing([SPACING[axis] for axis in order])
    image.SetOrigin(ORIGIN)
    return image


def affine_of(image: SimpleITK.Image) -> np.ndarray:
    """(4, 4) RAS affine of a three-dimensional image of SimpleITK."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def affine_of_itk(path: Path) -> np.ndarray:
    """(4, 4) RAS affine with which SimpleITK reads a file."""
    return affine_of(SimpleITK.ReadImage(str(path)))
