"""The affine of a header against nibabel and SimpleITK, and headers whose three geometries disagree."""

from __future__ import annotations

import struct

import nibabel
import numpy as np
import pytest

import liverseg
from tests.liverseg.io.nifti.nifti_files import LPS, NAN_ROW, patched, stored
from tests.liverseg.io.volume.itk_images import affine_of_itk

QFAC, PIXDIM, CODES, QUATERN, SROW = 76, 80, 252, 256, 280  # offsets in a NIfTI-1 header
QFORM_ONLY, SFORM_ONLY, BOTH = (struct.pack("<2h", *codes) for codes in ((1, 0), (0, 1), (1, 1)))


def turned(degrees: float, about: str, affine: np.ndarray = LPS) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = {"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[about]
    return nibabel.affines.from_matvec(np.array(rotation) @ affine[:3, :3], affine[:3, 3])


@pytest.mark.parametrize("qfac", [0.0, 1.0, -1.0, -2.0, float("nan")])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1)])
def test_a_qform_keeps_its_geometry_whatever_the_sign_of_qfac_and_pixdim(qfac, signs, volume, write):
    """Only the sign of qfac counts, and only the size of pixdim: as nibabel repairs both."""
    affine = turned(20, "x", LPS @ np.diag([1, 1, -1 if qfac < 0 else 1, 1]))
    affine[:3, 3] = 12, -34, 56
    pixdim = struct.pack("<4f", qfac, *np.multiply(signs, (0.7, 0.8, 5.0)))
    path = write(stored(volume), affine, name="a.nii")
    path = patched(path, {QFAC: pixdim, CODES: QFORM_ONLY, SROW: bytes(48)})
    ct = liverseg.read(path)
    np.testing.assert_allclose(ct.native.affine, affine, atol=1e-4)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7)) and ct.native.affine_codes == (0, 1)
    assert not any("assumed" in w for w in ct.warnings)
    if qfac >= -1 or np.isnan(qfac):  # nibabel counts -2 as 1, the reference library as -1
        np.testing.assert_allclose(nibabel.load(path).affine, affine, atol=2e-3)  # it rounds near half turns
    if signs == (1, 1, 1) and not np.isnan(qfac):
        np.testing.assert_allclose(affine_of_itk(path), affine, atol=1e-4)


@pytest.mark.parametrize("qform", [False, True])
@pytest.mark.parametrize("turn", [0, 15])
def test_an_sform_of_unit_vectors_takes_the_sizes_of_pixdim(turn, qform, volume, write):
    affine = turned(turn, "z", LPS)
    affine[:3, 3] = 160, 150, -100
    unit = affine.copy()
    unit[:3, :3] /= [0.7, 0.8, 5.0]
    path = write(stored(volume), affine, name="a.nii")
    patched(path, {CODES: BOTH if qform else SFORM_ONLY, SROW: unit[:3].astype("<f4").tobytes()})
    ct = liverseg.read(path)
    np.testing.assert_allclose(ct.native.affine, affine, atol=1e-4)
    np.testing.assert_allclose(affine_of_itk(path), affine, atol=1e-4)
    assert ct.voxel_volume_mm3 == pytest.approx(0.7 * 0.8 * 5)
    assert sum("pixdim" in w for w in ct.warnings) == 1 and not any("disagree" in w for w in ct.warnings)


def test_real_1_mm_voxels_need_no_other_size(synthetic_hu, write):
    ct = liverseg.read(write(np.repeat(synthetic_hu().T[..., None], 3, axis=2), np.diag([-1.0, -1, 1, 1])))
    assert ct.spacing_mm == (1.0, 1.0, 1.0) and ct.warnings == ()


@pytest.mark.parametrize("sizes", [(0.9, 0.8, 5.0), (0.7, 0.8, 2.5), (1.0, 1.0, 1.0)])
def test_other_sizes_in_pixdim_than_in_the_sform_give_a_warning(sizes, volume, write):
    path = write(stored(volume), name="a.nii")
    ct = liverseg.read(patched(path, {PIXDIM: struct.pack("<3f", *sizes), CODES: SFORM_ONLY}))
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))  # as nibabel reads it
    np.testing.assert_allclose(ct.native.affine, nibabel.load(path).affine, atol=1e-6)
    assert [("pixdim" in w and "differ" in w) for w in ct.warnings] == [True]


@pytest.mark.parametrize(
    "change, disagree",
    [
        (lambda a: turned(3, "x", a), True),
        (lambda a: turned(0.2, "x", a), False),
        (lambda a: nibabel.affines.from_matvec(a[:3, :3], a[:3, 3] + [0, 30, 0]), True),
        (lambda a: nibabel.affines.from_matvec(a[:3, :3], a[:3, 3] + [0.1, 0, 0]), False),
    ],
)
def test_an_sform_and_a_qform_at_different_places_give_a_warning(change, disagree, volume, write):
    image = nibabel.Nifti1Image(stored(volume), LPS)
    image.set_sform(LPS, 1)
    image.set_qform(change(LPS), 1)
    path = write(stored(volume), name="a.nii")
    path.write_bytes(image.to_bytes())
    ct = liverseg.read(path)
    np.testing.assert_allclose(ct.native.affine, LPS, atol=1e-6)
    assert any("disagree" in w and "position" in w for w in ct.warnings) == disagree


@pytest.mark.parametrize("missing", [0, 1, 2])
@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_volume_without_one_of_its_sizes_is_measured_in_pixels(missing, code, value, volume, write):
    sizes = [0.7, 0.8, 5.0]
    sizes[missing] = value
    changes = {PIXDIM: struct.pack("<3f", *sizes), CODES: struct.pack("<2h", code, 0)}
    ct = liverseg.read(patched(write(stored(volume), name="a.nii"), changes))
    assert ct.spacing_mm is None and any("no pixel size" in w for w in ct.warnings)
    if code:  # the orientation of the qform is kept
        np.testing.assert_array_equal(ct.hu, volume)


@pytest.mark.parametrize("quaternion", [(5.0, 0.0, 0.0), (float("nan"), 0.0, 0.0)])
def test_a_damaged_quaternion_is_no_geometry(quaternion, volume, write):
    changes = {CODES: QFORM_ONLY, QUATERN: struct.pack("<3f", *quaternion), SROW: NAN_ROW}
    ct = liverseg.read(patched(write(stored(volume), name="a.nii"), changes))
    assert ct.native.affine_codes == (0, 0) and any("assumed" in w for w in ct.warnings)


def test_a_quaternion_just_above_unit_length_is_normalised(volume, write):
    changes = {CODES: QFORM_ONLY, QUATERN: struct.pack("<3f", 0.0, 0.0, 1.00002)}
    ct = liverseg.read(patched(write(stored(volume), name="a.nii"), changes))
    np.testing.assert_allclose(ct.native.affine, LPS, atol=1e-5)


def test_a_slice_turned_within_its_plane_is_not_tilted(volume, write):
    ct = liverseg.read(write(stored(volume), turned(12, "z")))
    assert [("turned by 12°" in w and "tilt" not in w) for w in ct.warnings] == [True]


def test_a_sheared_volume_says_so(volume, write):
    affine = LPS.copy()
    affine[1, 2] = 5 * np.tan(np.radians(15))
    ct = liverseg.read(write(stored(volume), affine))
    assert any("sheared against each other by 15°" in w for w in ct.warnings)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7), rel=1e-4)
