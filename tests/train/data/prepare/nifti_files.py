"""NIfTI files and arrays for the tests of `prepare`."""

import nibabel
import numpy as np

from train.data.prepare.volumes import Volume

SHAPE = (70, 72, 5)  # X, Y, Z
AFFINES = {
    "LPS": np.diag([-0.7, -0.8, 5.0, 1.0]),
    "RAS": np.diag([0.7, 0.8, 5.0, 1.0]),
    "LAI": np.diag([-0.7, 0.8, -5.0, 1.0]),
}


def ct_values(dtype, seed=0):
    """Uneven HU (X, Y, Z) of `SHAPE`: air, tissue, bone and padding."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-1024, 1500, SHAPE)
    values[:4] = -3024
    return values.astype(dtype)


def save_nifti(path, values, affine, slope=None, intercept=None):
    """Write a NIfTI file; returns its path."""
    image = nibabel.Nifti1Image(values, affine)
    if slope is not None:
        image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, path)
    return path


def flipped_body(rows, columns):
    """Two slices of a body with spine and liver, and its liver mask, with rows or columns reversed."""
    hu, liver = np.full((2, 96, 96), -1000.0, np.float32), np.zeros((2, 96, 96), np.uint8)
    hu[:, 20:80, 8:88], hu[:, 66:76, 44:52] = 40, 700
    liver[:, 30:60, 14:44] = 1
    steps = (slice(None), *(slice(None, None, -1 if flip else 1) for flip in (rows, columns)))
    return Volume(hu[steps]), liver[steps]
