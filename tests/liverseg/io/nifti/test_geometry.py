"""Orientation and spacing: units, missing and false geometries, thickness."""

from __future__ import annotations

import struct

import nibabel
import numpy as np
import pytest

import liverseg
from tests.liverseg.io.nifti.nifti_files import LPS, NAN_ROW, patched, stored


@pytest.mark.parametrize("code, factor", [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_units_are_converted_to_mm(code, factor, volume, write):
    affine = np.diag([*(np.diag(LPS)[:3] / factor), 1])
    path = write(stored(volume), affine, xyzt_units=code, name="a.nii")
    ct = liverseg.read(path)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))
    np.testing.assert_allclose(ct.native.affine, LPS, rtol=1e-5)


def test_missing_orientation_gives_a_warning(volume, write):
    path = write(stored(volume), None, pixdim=[1, 0.7, 0.8, 5, 0, 0, 0, 0], name="a.nii")
    ct = liverseg.read(path)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))
    assert any("does not say how the image lies" in w for w in ct.warnings)
    assert not ct.orientation_known
    assert liverseg.read(write(stored(volume), LPS, name="b.nii")).orientation_known


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, 1)])
def test_false_identity_geometry_means_unknown_spacing(signs, synthetic_hu, write):
    array = np.repeat(synthetic_hu(256, 256)[..., None], 2, axis=2)
    ct = liverseg.read(write(array, np.diag([*signs, 1.0])))
    assert ct.spacing_mm is None and ct.spacing_source == "unknown"
    assert any("LiTS" in w for w in ct.warnings) and not ct.orientation_known


def test_plausible_1_mm_spacing_is_accepted(synthetic_hu, write):
    array = np.repeat(synthetic_hu(256, 256)[..., None], 2, axis=2)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[:3, 3] = 120, 130, -300
    assert liverseg.read(write(array, affine)).spacing_mm == (1.0, 1.0, 1.0)
    small = liverseg.read(write(synthetic_hu(80, 80)[..., None], np.eye(4)))
    assert small.spacing_mm == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("scale", [0.001, 700])
def test_implausible_spacing_is_unknown(scale, volume, write):
    ct = liverseg.read(write(stored(volume), np.diag([scale, scale, 5, 1])))
    assert ct.spacing_mm is None and any("pixel size" in w for w in ct.warnings)


def test_invalid_affines_fall_back_to_pixdim(volume, write):
    path = patched(write(stored(volume), name="a.nii"), {252: struct.pack("<2h", 0, 1), 280: NAN_ROW})
    ct = liverseg.read(path)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7)) and "assumed" in ct.warnings[0]
    assert np.isfinite(ct.native.affine).all()


@pytest.mark.parametrize("side", [80, 300])
def test_1_mm_without_a_geometry_is_unknown_at_any_size(side, synthetic_hu, write):
    for array in (synthetic_hu(side, side).T[..., None], synthetic_hu(side, side).T):
        ct = liverseg.read(write(array, None))
        assert ct.spacing_mm is None and ct.spacing_source == "unknown"
        assert any("in pixels" in w for w in ct.warnings)


def test_invalid_sforms_fall_back_to_the_qform(volume, write):
    affine = LPS.copy()
    affine[:3, 3] = 10, 20, 30
    for srow in (NAN_ROW, bytes(16), struct.pack("<4f", 0, 0.7, 0, 0)):
        path = patched(
            write(stored(volume), affine, name="a.nii"), {252: struct.pack("<2h", 1, 2), 280: srow}
        )
        ct = liverseg.read(path)
        np.testing.assert_array_equal(ct.hu, volume)
        np.testing.assert_allclose(ct.native.affine, affine, atol=1e-5)
        assert ct.warnings == () and ct.native.affine_codes == (0, 1)


@pytest.mark.parametrize("depth, known", [(1.0, False), (5.0, True)])
def test_two_dimensional_files_without_thickness_give_a_warning(depth, known, synthetic_hu, write):
    ct = liverseg.read(write(synthetic_hu().T, np.diag([-0.7, -0.8, depth, 1])))
    assert ct.spacing_mm == pytest.approx((depth, 0.8, 0.7))
    assert any("thickness" in w and "only areas" in w for w in ct.warnings) != known
    assert ("placeholder" in ct.spacing_source) != known


def test_two_dimensional_files_with_an_empty_third_column(synthetic_hu, write):
    path = write(synthetic_hu().T, name="a.nii")
    for depth, expected in [(3.0, 3.0), (0.0, 1.0)]:
        pixdim, codes, srow_z = struct.pack("<f", depth), struct.pack("<2h", 0, 1), bytes(16)
        ct = liverseg.read(patched(path, {88: pixdim, 252: codes, 312: srow_z}))
        np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
        assert ct.spacing_mm == pytest.approx((expected, 0.8, 0.7))


def test_disagreeing_sform_and_qform_give_a_warning(volume, write):
    image = nibabel.Nifti1Image(stored(volume), LPS)
    for turned, disagree in (
        (np.diag([0.7, -0.8, 5.0, 1.0]), True),
        (np.diag([-0.9, -0.8, 5.0, 1.0]), True),
        (LPS, False),
    ):
        image.set_sform(LPS, 2)
        image.set_qform(turned, 1)
        path = write(stored(volume), LPS, name="a.nii")
        path.write_bytes(image.to_bytes())
        ct = liverseg.read(path)
        np.testing.assert_array_equal(ct.hu, volume)
        assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))
        assert any("disagree" in w for w in ct.warnings) == disagree
