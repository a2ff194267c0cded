"""Volumes in their stored numbers: the HU of `liverseg.read`, the pixels of the plain conversion."""

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import LiversegError
from train.data.intensity import Intensity
from train.data.prepare.conversion import kept_slices, slice_encoder
from train.data.prepare.orientation import flips_to_upright
from train.data.prepare.scans import NiftiPair, PicturePairs
from train.data.prepare.settings import Conversion
from train.data.prepare.statistics import count_lesions
from train.data.prepare.volumes import Volume, read_volume

SHAPE = (70, 72, 5)


def ct(dtype, seed=0):
    """Stored numbers (X, Y, Z) that can be HU: air, tissue, bone, padding, all of it uneven."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-1024, 1500, SHAPE)
    values[:4] = -3024
    return values.astype(dtype)


def save(path, values, affine, slope=None, intercept=None):
    image = nibabel.Nifti1Image(values, affine)
    if slope is not None:
        image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, path)
    return path


AFFINES = {
    "LPS": np.diag([-0.7, -0.8, 5.0, 1.0]),
    "RAS": np.diag([0.7, 0.8, 5.0, 1.0]),
    "LAI": np.diag([-0.7, 0.8, -5.0, 1.0]),
}


@pytest.mark.parametrize("axes", AFFINES)
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", "<f4"])
def test_hu_are_those_of_liverseg_read(tmp_path, axes, dtype):
    path = save(tmp_path / "ct.nii.gz", ct(dtype), AFFINES[axes])
    volume, _ = read_volume(path, DEFAULT_WINDOW)
    expected = liverseg.read(path)
    assert volume.spacing_mm == expected.spacing_mm and volume.geometry == "header"
    assert volume.sha256 == {"volume": expected.sha256}
    assert volume.warnings == expected.warnings
    for index, hu in enumerate(expected.hu):
        assert np.array_equal(volume.hu(index), hu)


@pytest.mark.parametrize("axes", AFFINES)
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u2", "<f4", "<i4"])
@pytest.mark.parametrize("window", [Window(40, 400), Window(60, 200), Window(55, 333)], ids=str)
def test_windowed_pixels_are_those_of_the_plain_conversion(tmp_path, axes, dtype, window):
    stored = ct("<i2") + 1024 if dtype == "<u2" else ct("<i2")
    values = np.maximum(stored, 0).astype(dtype) if dtype == "<u2" else stored.astype(dtype)
    path = save(tmp_path / "ct.nii", values, AFFINES[axes], 1.0, -1024.0 if dtype == "<u2" else 0.0)
    volume, native = read_volume(path, DEFAULT_WINDOW)
    plain = native.to_radiological(nibabel.load(path).get_fdata())
    of = slice_encoder(volume, Intensity((window,)))
    for index in range(SHAPE[2]):
        unit = np.clip((plain[index] - window.low_hu) / window.width_hu, 0, 1)
        assert np.array_equal(of(index), (unit * 255 + 0.5).astype(np.uint8))


def test_fractional_slopes_are_exact_too(tmp_path):
    path = save(tmp_path / "ct.nii", ct("<i2"), AFFINES["LPS"], 0.37, -13.25)
    volume, native = read_volume(path, DEFAULT_WINDOW)
    plain = native.to_radiological(nibabel.load(path).get_fdata())
    grey = np.stack([slice_encoder(volume, Intensity())(index) for index in range(SHAPE[2])])
    assert np.array_equal(grey, (np.clip((plain + 160) / 400, 0, 1) * 255 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("intensity", [Intensity((Window(60, 200), Window(400, 1800))), Intensity.hu16()])
def test_lookup_is_the_same_as_converting_every_voxel(tmp_path, intensity):
    volume, _ = read_volume(save(tmp_path / "ct.nii", ct("<i2"), AFFINES["LAI"]), DEFAULT_WINDOW)
    for index in range(SHAPE[2]):
        assert np.array_equal(slice_encoder(volume, intensity)(index), intensity.from_hu(volume.hu(index)))


def test_a_grey_nifti_is_rebuilt_as_liverseg_read_does(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    path = save(tmp_path / "grey.nii.gz", values, AFFINES["LPS"])
    volume, _ = read_volume(path, Window(60, 200))
    assert np.array_equal(volume.stored, liverseg.read(path, window=(60, 200)).hu)
    assert "grey" in volume.warnings[-1]


@pytest.mark.parametrize(
    ("number", "affine", "expected"),
    [
        (30, np.eye(4), "false"),
        (30, np.diag([-1.0, -1.0, 1.0, 1.0]), "false"),
        (30, AFFINES["LPS"], "header"),  # a copy of the data set with its geometry repaired
        (27, np.eye(4), "header"),  # 70 pixels a side: small enough for 1 mm to be true
        (None, np.eye(4), "header"),
    ],
)
def test_false_geometry_of_lits_is_known_by_number_and_identity(tmp_path, number, affine, expected):
    volume, _ = read_volume(save(tmp_path / "v.nii", ct("<i2"), affine), DEFAULT_WINDOW, number)
    assert volume.geometry == expected
    assert (volume.spacing_mm is None) == (expected != "header")


def test_an_identity_on_a_full_picture_is_false_whatever_its_name(tmp_path):
    values = np.full((256, 256, 2), -1000, np.int16)
    values[100:, 100:] = 50
    volume, _ = read_volume(save(tmp_path / "v.nii", values, np.eye(4)), DEFAULT_WINDOW)
    assert volume.geometry == "false" and volume.spacing_mm is None


def body(rows, columns):
    """A body with its spine at the back, a liver on the right, then turned."""
    hu, liver = np.full((2, 96, 96), -1000.0, np.float32), np.zeros((2, 96, 96), np.uint8)
    hu[:, 20:80, 8:88], hu[:, 66:76, 44:52] = 40, 700
    liver[:, 30:60, 14:44] = 1
    steps = (slice(None), *(slice(None, None, -1 if flip else 1) for flip in (rows, columns)))
    return Volume(hu[steps]), liver[steps]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_a_body_is_turned_upright_by_its_spine_and_liver(rows, columns):
    assert flips_to_upright(*body(rows, columns)) == (rows, columns)


def test_without_liver_nothing_is_turned():
    volume, liver = body(True, True)
    assert flips_to_upright(volume, np.zeros_like(liver)) == (False, False)


@pytest.mark.parametrize("number", [30, 3])
def test_only_a_false_geometry_is_turned_by_content_others_are_warned_of(tmp_path, number):
    volume, liver = body(False, False)  # stored as it looks, which by an identity affine is upside down
    image = save(tmp_path / "v.nii", volume.stored.transpose(2, 1, 0).astype(np.int16), np.eye(4))
    reference = save(tmp_path / "s.nii", np.ascontiguousarray(liver.transpose(2, 1, 0)), np.eye(4))
    scan = NiftiPair(str(number), image, reference, number).load(Conversion())
    if number == 30:
        assert scan.reoriented == "rows+columns" and np.array_equal(scan.labels, liver)
        assert np.array_equal(scan.volume.hu(0), volume.stored[0])
    else:
        assert scan.reoriented == "" and "check its orientation" in scan.volume.warnings[-1]


def damaged(path, how):
    content = path.read_bytes()
    path.write_bytes(
        content[: len(content) // 2] if how == "cut" else content[:200] + b"\xff" * (len(content) - 200)
    )


@pytest.mark.parametrize(("how", "suffix"), [("cut", ".nii"), ("cut", ".nii.gz"), ("overwritten", ".nii.gz")])
@pytest.mark.parametrize("half", ["image", "reference"])
def test_a_damaged_half_is_refused(tmp_path, how, suffix, half):
    image = save(tmp_path / f"v{suffix}", ct("<i2"), AFFINES["LPS"])
    labels = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    reference = save(tmp_path / f"s{suffix}", labels, AFFINES["LPS"])
    pair = NiftiPair("1", image, reference)
    pair.load(Conversion())
    damaged(image if half == "image" else reference, how)
    with pytest.raises(LiversegError, match="truncated|damaged"):
        pair.load(Conversion())


def test_a_reference_of_another_shape_is_refused(tmp_path):
    image = save(tmp_path / "v.nii", ct("<i2"), AFFINES["LPS"])
    reference = save(tmp_path / "s.nii", np.zeros((70, 72, 4), np.uint8), AFFINES["LPS"])
    with pytest.raises(LiversegError, match="70 × 72 × 5 voxels, its reference 70 × 72 × 4"):
        NiftiPair("1", image, reference).load(Conversion())


def picture_pair(tmp_path, grey, mask):
    for name, values in (("grey", grey), ("mask", mask)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), values)
    return PicturePairs("1", ((0, tmp_path / "grey.png", tmp_path / "mask.png"),))


def test_a_picture_comes_back_with_the_same_grey_in_its_own_window(tmp_path):
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    pair = picture_pair(tmp_path, grey, np.zeros_like(grey))
    window = Window(60, 200)
    scan = pair.load(Conversion(Intensity((window,)), picture_window=window))
    assert np.array_equal(slice_encoder(scan.volume, Intensity((window,)))(0), grey)


def test_sixteen_bits_mean_what_was_said(tmp_path):
    grey = np.full((64, 64), 1064, np.uint16)
    mask = np.zeros((64, 64), np.uint8)
    pair = picture_pair(tmp_path, grey, mask)
    with pytest.raises(LiversegError, match="--picture-offset"):
        pair.load(Conversion())
    assert (pair.load(Conversion(picture_offset=1024)).volume.hu(0) == 40).all()
    full = picture_pair(tmp_path, (grey * 61).astype(np.uint16), mask).load(Conversion())
    assert full.volume.hu(0)[0, 0] == pytest.approx(-160 + 1064 * 61 / 65535 * 400, abs=1e-3)


@pytest.mark.parametrize("what", ["colour", "size", "empty"])
def test_pictures_that_do_not_fit_are_refused(tmp_path, what):
    grey, mask = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    if what == "colour":
        grey = np.dstack([grey, grey, grey + 9])
    pair = picture_pair(tmp_path, grey, mask[:32] if what == "size" else mask)
    if what == "empty":
        (tmp_path / "grey.png").write_bytes(b"")
    says = {"colour": "colour picture", "size": "differ in size", "empty": "truncated or damaged"}[what]
    with pytest.raises(LiversegError, match=says):
        pair.load(Conversion())


def test_kept_slices_and_lesions():
    labels = np.zeros((20, 8, 8), np.uint8)
    labels[5:8, 2, 2] = 1
    labels[6, 4:6, 4] = labels[10, 1, 1] = 2
    assert kept_slices(labels, 0).tolist() == [5, 6, 7, 10]
    assert len(kept_slices(labels, 0.5)) == 4 + 8 and len(kept_slices(labels, 1)) == 20
    lesions = count_lesions(labels)
    assert (lesions.count, lesions.largest_voxels) == (2, 2)
