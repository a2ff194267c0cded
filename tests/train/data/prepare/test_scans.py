"""Loading of scans: orientation, damaged and mismatched files, pictures."""

import cv2
import numpy as np
import pytest

from liverseg import phantom
from liverseg.core.window import Window
from liverseg.errors import LiversegError
from tests.train.data.prepare.nifti_files import AFFINES, SHAPE, ct_values, flipped_body, save_nifti
from train.data.intensity import Intensity
from train.data.prepare.conversion import slice_encoder
from train.data.prepare.pictures import PicturePairs
from train.data.prepare.scans import FIRST_PHANTOM_SEED, NiftiPair, PhantomScan
from train.data.prepare.settings import ConversionSettings


@pytest.mark.parametrize("number", [30, 3])
def test_a_false_geometry_is_flipped_and_a_trusted_one_gets_a_warning(tmp_path, number):
    volume, liver = flipped_body(False, False)  # stored upright; an identity affine flips it
    image = save_nifti(tmp_path / "v.nii", volume.stored.transpose(2, 1, 0).astype(np.int16), np.eye(4))
    reference = save_nifti(tmp_path / "s.nii", np.ascontiguousarray(liver.transpose(2, 1, 0)), np.eye(4))
    scan = NiftiPair(str(number), image, reference, number).load(ConversionSettings())
    if number == 30:
        assert scan.reoriented == "rows+columns" and np.array_equal(scan.labels, liver)
        assert np.array_equal(scan.volume.hu(0), volume.stored[0])
    else:
        assert scan.reoriented == "" and "check its orientation" in scan.volume.warnings[-1]


def damage(path, how):
    """Cut the file in half or overwrite it after the header."""
    content = path.read_bytes()
    path.write_bytes(
        content[: len(content) // 2] if how == "cut" else content[:200] + b"\xff" * (len(content) - 200)
    )


@pytest.mark.parametrize(("how", "suffix"), [("cut", ".nii"), ("cut", ".nii.gz"), ("overwritten", ".nii.gz")])
@pytest.mark.parametrize("half", ["image", "reference"])
def test_a_damaged_image_or_reference_is_refused(tmp_path, how, suffix, half):
    image = save_nifti(tmp_path / f"v{suffix}", ct_values("<i2"), AFFINES["LPS"])
    labels = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    reference = save_nifti(tmp_path / f"s{suffix}", labels, AFFINES["LPS"])
    pair = NiftiPair("1", image, reference)
    pair.load(ConversionSettings())
    damage(image if half == "image" else reference, how)
    with pytest.raises(LiversegError, match="truncated|damaged"):
        pair.load(ConversionSettings())


def test_a_reference_of_another_shape_is_refused(tmp_path):
    image = save_nifti(tmp_path / "v.nii", ct_values("<i2"), AFFINES["LPS"])
    reference = save_nifti(tmp_path / "s.nii", np.zeros((70, 72, 4), np.uint8), AFFINES["LPS"])
    with pytest.raises(LiversegError, match="70 × 72 × 5 voxels, its reference 70 × 72 × 4"):
        NiftiPair("1", image, reference).load(ConversionSettings())


def picture_pair(tmp_path, grey, mask):
    """A scan of one picture and its mask."""
    for name, values in (("grey", grey), ("mask", mask)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), values)
    return PicturePairs("1", ((0, tmp_path / "grey.png", tmp_path / "mask.png"),))


def test_a_picture_keeps_its_greys_in_its_own_window(tmp_path):
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    pair = picture_pair(tmp_path, grey, np.zeros_like(grey))
    window = Window(60, 200)
    scan = pair.load(ConversionSettings(Intensity((window,)), picture_window=window))
    assert np.array_equal(slice_encoder(scan.volume, Intensity((window,)))(0), grey)


def test_sixteen_bit_pictures_are_hu_with_an_offset_or_grey_over_the_full_range(tmp_path):
    grey = np.full((64, 64), 1064, np.uint16)
    mask = np.zeros((64, 64), np.uint8)
    pair = picture_pair(tmp_path, grey, mask)
    with pytest.raises(LiversegError, match="--picture-offset"):
        pair.load(ConversionSettings())
    assert (pair.load(ConversionSettings(picture_offset=1024)).volume.hu(0) == 40).all()
    full = picture_pair(tmp_path, (grey * 61).astype(np.uint16), mask).load(ConversionSettings())
    assert full.volume.hu(0)[0, 0] == pytest.approx(-160 + 1064 * 61 / 65535 * 400, abs=1e-3)


@pytest.mark.parametrize("defect", ["colour", "size", "empty"])
def test_unusable_pictures_are_refused(tmp_path, defect):
    grey, mask = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    if defect == "colour":
        grey = np.dstack([grey, grey, grey + 9])
    pair = picture_pair(tmp_path, grey, mask[:32] if defect == "size" else mask)
    if defect == "empty":
        (tmp_path / "grey.png").write_bytes(b"")
    message = {"colour": "colour picture", "size": "differ in size", "empty": "truncated or damaged"}[defect]
    with pytest.raises(LiversegError, match=message):
        pair.load(ConversionSettings())


def test_a_phantom_is_generated_from_its_number():
    scan = PhantomScan("0").load(ConversionSettings())
    generated = phantom.make(kind="slice", seed=FIRST_PHANTOM_SEED)
    assert np.array_equal(scan.volume.hu(0), generated.hu[0])
    assert np.array_equal(scan.labels, generated.labels)
