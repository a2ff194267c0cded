"""NRRD and MetaImage as SimpleITK writes them: axes, types, compression, results on the file's grid."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

import liverseg
from liverseg.errors import InputTooSmall, NotCT, UnreadableInput
from liverseg.io.nifti.write import nifti_gz_bytes
from liverseg.io.volume.open import data_name_in
from tests.liverseg.io.volume.itk_images import ORDERS, affine_of, affine_of_itk, itk_image

SUFFIXES = ("nrrd", "nhdr", "mha", "mhd")
FORMATS = {"nrrd": "nrrd", "nhdr": "nrrd", "mha": "metaimage", "mhd": "metaimage"}


def written(image: SimpleITK.Image, folder: Path, suffix: str, compress: bool = False) -> Path:
    path = folder / f"ct.{suffix}"
    SimpleITK.WriteImage(image, str(path), compress)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_48_axis_orders_give_the_same_image_as_in_itk(suffix, volume, tmp_path):
    for (order, signs), compress in zip(ORDERS, itertools.cycle((False, True)), strict=False):
        image = itk_image(volume, order, signs)
        ct = liverseg.read(path := written(image, tmp_path, suffix, compress))
        np.testing.assert_array_equal(ct.hu, volume)
        np.testing.assert_array_equal(ct.native.to_native(ct.hu), SimpleITK.GetArrayFromImage(image).T)
        np.testing.assert_allclose(ct.native.affine, affine_of_itk(path), atol=1e-9)
        assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7)) and ct.orientation_known
        assert (ct.kind, ct.source_format, ct.warnings) == ("volume", FORMATS[suffix], ())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_types(dtype, suffix, volume, tmp_path):
    array = (volume // 16 if dtype == "i1" else volume.clip(0) // 4 if dtype == "u1" else volume + 2000) - (
        2000 if dtype in ("i2", "i4", "i8", "f4", "f8") else 0
    )
    image = itk_image(array.astype(dtype))
    ct = liverseg.read(written(image, tmp_path, suffix, compress=dtype == "i2"))
    if dtype == "u1":  # grey, as in NIfTI
        assert ct.assumed_window is not None and any("stores grey" in w for w in ct.warnings)
    else:
        np.testing.assert_array_equal(ct.hu, array)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_oblique_grids_are_kept_with_a_warning(suffix, volume, tmp_path):
    image = itk_image(volume)
    c, s = np.cos(np.radians(15)), np.sin(np.radians(15))
    image.SetDirection((1, 0, 0, 0, c, -s, 0, s, c))
    ct = liverseg.read(written(image, tmp_path, suffix))
    np.testing.assert_array_equal(ct.native.to_native(ct.hu).T, SimpleITK.GetArrayFromImage(image))
    np.testing.assert_allclose(ct.native.affine, affine_of(image), atol=1e-9)
    assert any("tilted by 15°" in w for w in ct.warnings)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_labels_are_written_on_the_grid_of_the_file(suffix, volume, tmp_path):
    image = itk_image(volume, (2, 0, 1), (-1, 1, -1))
    ct = liverseg.read(written(image, tmp_path, suffix))
    labels = (ct.hu > 500).astype(np.uint8)
    (tmp_path / "labels.nii.gz").write_bytes(nifti_gz_bytes(ct, labels, "labels"))
    result = SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(result), SimpleITK.GetArrayFromImage(image) > 500
    )
    np.testing.assert_allclose(affine_of(result), affine_of(image), atol=1e-4)
    SimpleITK.GetArrayFromImage(image * SimpleITK.Cast(result, image.GetPixelID()))  # ITK: one physical space


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_of_two_axes_has_sizes_and_no_orientation(suffix, synthetic_hu, tmp_path):
    image = SimpleITK.GetImageFromArray(synthetic_hu())
    image.SetSpacing((0.7, 0.8))
    ct = liverseg.read(written(image, tmp_path, suffix))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert ct.kind == "slice" and ct.pixel_area_mm2 == pytest.approx(0.56) and not ct.thickness_is_known
    assert not ct.orientation_known and any("does not say how the image lies" in w for w in ct.warnings)
    (tmp_path / "labels.nii.gz").write_bytes(nifti_gz_bytes(ct, ct.hu.astype(np.uint8), "labels"))
    assert nibabel.aff2axcodes(nibabel.load(tmp_path / "labels.nii.gz").affine) == ("L", "P", "S")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_ct_is_refused(suffix, volume, tmp_path):
    colour = SimpleITK.Compose([SimpleITK.Cast(itk_image(volume), SimpleITK.sitkUInt8)] * 3)
    with pytest.raises(NotCT, match="several values a voxel|several channels"):
        liverseg.read(written(colour, tmp_path, suffix))
    series = SimpleITK.JoinSeries([itk_image(volume)] * 2)
    with pytest.raises(NotCT, match="more than three dimensions"):
        liverseg.read(written(series, tmp_path, suffix))
    with pytest.raises(NotCT, match="label map"):
        liverseg.read(written(itk_image((volume > 0).astype(np.uint8)), tmp_path, suffix))
    with pytest.raises(NotCT, match="single slice that is not axial"):
        liverseg.read(written(itk_image(volume.transpose(1, 2, 0)[:, :, :1].repeat(1, 2)), tmp_path, suffix))
    with pytest.raises(InputTooSmall):
        liverseg.read(written(itk_image(volume[:, :63]), tmp_path, suffix))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("compress", [False, True])
def test_truncated_and_damaged_files_are_refused(compress, suffix, volume, tmp_path):
    path = written(itk_image(volume), tmp_path, suffix, compress)
    with path.open("rb") as stream:
        name = data_name_in(FORMATS[suffix], stream)
    data_file = path if name is None else path.with_name(name)
    whole = data_file.read_bytes()
    start = 0 if name else len(whole) // 3
    for length in (start + 20, len(whole) // 2, len(whole) - 9):
        data_file.write_bytes(whole[:length])
        with pytest.raises(UnreadableInput, match="truncated"):
            liverseg.read(path)
    if compress:
        checksum = -6 if FORMATS[suffix] == "nrrd" else -2  # of gzip, of zlib
        data_file.write_bytes(whole[:checksum] + bytes([whole[checksum] ^ 0xFF]) + whole[checksum + 1 :])
        with pytest.raises(UnreadableInput, match="damaged"):
            liverseg.read(path)
    if name:
        data_file.unlink()
        with pytest.raises(UnreadableInput, match="keeps its image in another file, which is not there"):
            liverseg.read(path)
