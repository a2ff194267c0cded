"""Encoding of slices and the selection of slices to keep."""

import nibabel
import numpy as np
import pytest

from liverseg.core.window import DEFAULT_WINDOW, Window
from tests.train.data.prepare.nifti_files import AFFINES, SHAPE, ct_values, save_nifti
from train.data.intensity import Intensity
from train.data.prepare.conversion import kept_slices, slice_encoder
from train.data.prepare.volumes import read_volume


@pytest.mark.parametrize("axes", AFFINES)
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u2", "<f4", "<i4"])
@pytest.mark.parametrize("window", [Window(40, 400), Window(60, 200), Window(55, 333)], ids=str)
def test_windowed_pixels_equal_the_direct_conversion(tmp_path, axes, dtype, window):
    stored = ct_values("<i2") + 1024 if dtype == "<u2" else ct_values("<i2")
    values = np.maximum(stored, 0).astype(dtype) if dtype == "<u2" else stored.astype(dtype)
    path = save_nifti(tmp_path / "ct.nii", values, AFFINES[axes], 1.0, -1024.0 if dtype == "<u2" else 0.0)
    volume, native = read_volume(path, DEFAULT_WINDOW)
    plain = native.to_radiological(nibabel.load(path).get_fdata())
    encode = slice_encoder(volume, Intensity((window,)))
    for index in range(SHAPE[2]):
        unit = np.clip((plain[index] - window.low_hu) / window.width_hu, 0, 1)
        assert np.array_equal(encode(index), (unit * 255 + 0.5).astype(np.uint8))


def test_fractional_slopes_are_exact(tmp_path):
    path = save_nifti(tmp_path / "ct.nii", ct_values("<i2"), AFFINES["LPS"], 0.37, -13.25)
    volume, native = read_volume(path, DEFAULT_WINDOW)
    plain = native.to_radiological(nibabel.load(path).get_fdata())
    grey = np.stack([slice_encoder(volume, Intensity())(index) for index in range(SHAPE[2])])
    assert np.array_equal(grey, (np.clip((plain + 160) / 400, 0, 1) * 255 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("intensity", [Intensity((Window(60, 200), Window(400, 1800))), Intensity.hu16()])
def test_table_lookup_equals_the_conversion_of_every_voxel(tmp_path, intensity):
    volume, _ = read_volume(save_nifti(tmp_path / "ct.nii", ct_values("<i2"), AFFINES["LAI"]), DEFAULT_WINDOW)
    for index in range(SHAPE[2]):
        assert np.array_equal(slice_encoder(volume, intensity)(index), intensity.from_hu(volume.hu(index)))


def test_all_annotated_slices_and_a_share_of_the_others_are_kept():
    labels = np.zeros((20, 8, 8), np.uint8)
    labels[5:8, 2, 2] = 1
    labels[10, 1, 1] = 2
    assert kept_slices(labels, 0).tolist() == [5, 6, 7, 10]
    assert len(kept_slices(labels, 0.5)) == 4 + 8 and len(kept_slices(labels, 1)) == 20
