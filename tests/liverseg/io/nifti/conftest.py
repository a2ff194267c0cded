"""A writer of NIfTI files."""

from __future__ import annotations

import nibabel
import pytest

from tests.liverseg.io.nifti.nifti_files import LPS


@pytest.fixture
def write(tmp_path):
    """Save an array as NIfTI with header fields set; returns the path. `affine` None stores no geometry."""

    def save(array, affine=LPS, kind=nibabel.Nifti1Image, name="a.nii.gz", **header):
        image = kind(array, affine)
        if affine is None:
            image.header.set_sform(None, 0)
            image.header.set_qform(None, 0)
        for key, value in header.items():
            image.header[key] = value
        path = tmp_path / name
        nibabel.save(image, path)
        return path

    return save
