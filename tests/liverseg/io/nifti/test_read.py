"""NIfTI: 48 axis orders, data types, scaling, units, and headers that lie."""

from __future__ import annotations

import gzip
import itertools
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import liverseg
from liverseg.core.window import Window, to_grey
from liverseg.errors import InputTooLarge, InputTooSmall, LiversegError, NotCT, UnreadableInput

ORDERS = [(p, s) for p in itertools.permutations(range(3)) for s in itertools.product([1, -1], repeat=3)]
NAN_ROW = struct.pack("<4f", *[np.nan] * 4)
LPS = np.diag([-0.7, -0.8, 5.0, 1.0])  # columns to the left, rows to posterior, slices up


@pytest.fixture
def volume(synthetic_hu):
    """(S, H, W) = (3, 80, 96) int16 HU in radiological orientation."""
    return np.stack([synthetic_hu(seed=k) + 10 * k for k in range(3)]).astype(np.int16)


@pytest.fixture
def write(tmp_path):
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


def patched(path, changes: dict[int, bytes]):
    """The file with bytes of its header replaced: nibabel itself would repair them on saving."""
    raw = bytearray(path.read_bytes())
    for offset, value in changes.items():
        raw[offset : offset + len(value)] = value
    path.write_bytes(raw)
    return path


def stored(volume: np.ndarray) -> np.ndarray:
    """(S, H, W) radiological as (X, Y, Z) of the affine `LPS`."""
    return volume.transpose(2, 1, 0)


@pytest.mark.parametrize("order, sign", ORDERS)
def test_48_axis_orders_give_the_same_image(order, sign, volume, write):
    start = nibabel.io_orientation(LPS)
    wanted = np.array([[world, s] for world, s in zip(order, sign, strict=True)], float)
    image = nibabel.Nifti1Image(stored(volume), LPS).as_reoriented(
        nibabel.orientations.ornt_transform(start, wanted)
    )
    array = np.asarray(image.dataobj)
    ct = liverseg.read(write(array, image.affine, name="a.nii"))
    np.testing.assert_array_equal(ct.hu, volume)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), array)
    np.testing.assert_allclose(ct.native.affine, image.affine)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7)) and ct.spacing_source == "NIfTI header"
    assert (ct.kind, ct.source_format, ct.warnings) == ("volume", "nifti", ())


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_versions_byte_orders_and_types(kind, order, dtype, suffix, volume, tmp_path):
    offset = 2000 if dtype.startswith("u") else 0
    array = stored(volume + offset).astype(np.dtype(dtype).newbyteorder(order))
    header = kind.header_class(endianness=order)
    header.set_data_dtype(array.dtype)
    path = tmp_path / f"a.{suffix}"
    nibabel.save(kind(array, LPS, header), path)
    head = (gzip.open if suffix.endswith("gz") else open)(path, "rb").read(4)
    assert struct.unpack(order + "i", head)[0] in (348, 540)
    np.testing.assert_array_equal(liverseg.read(path).hu, volume + offset)


def test_the_name_says_nothing(volume, write, tmp_path):
    path = write(stored(volume))
    for name in ("scan.nii", "scan.png", "scan"):
        np.testing.assert_array_equal(liverseg.read(path.rename(tmp_path / name)).hu, volume)
        path = tmp_path / name


@pytest.mark.parametrize("shape", [(96, 80), (96, 80, 1), (96, 80, 1, 1), (96, 80, 1, 1, 1)])
def test_one_slice_of_any_rank(shape, synthetic_hu, write):
    array = synthetic_hu().T.reshape(shape)
    ct = liverseg.read(write(array))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert ct.kind == "slice" and ct.pixel_area_mm2 == pytest.approx(0.56)
    assert ct.native.to_native(ct.hu).shape == shape


def test_volume_with_a_trailing_one(volume, write):
    ct = liverseg.read(write(stored(volume)[..., None]))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.native.to_native(ct.hu).shape == (96, 80, 3, 1)


@pytest.mark.parametrize(
    "slope, intercept, expected",
    [(0.5, -1024, (0.5, -1024)), (0, 7, (1, 0)), (np.nan, 7, (1, 0)), (2, np.nan, (2, 0)), (1, 5, (1, 5))],
)
def test_scaling(slope, intercept, expected, volume, write):
    path = patched(write(stored(volume), name="a.nii"), {112: struct.pack("<2f", slope, intercept)})
    scaled = volume * expected[0] + expected[1]
    scaled[scaled < -1500] = -1024
    np.testing.assert_array_equal(liverseg.read(path).hu, scaled)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_oblique_grids_come_back(data, tmp_path_factory):
    shape = (66, 65, 4)
    turn = data.draw(hnp.arrays(np.float64, 3, elements=st.floats(-0.4, 0.4)))
    skew = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
    rotation = np.linalg.solve(np.eye(3) - skew / 2, np.eye(3) + skew / 2)
    affine = nibabel.affines.from_matvec(rotation @ LPS[:3, :3], [10, 20, 30])
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape) % 2000 - 1000
    path = tmp_path_factory.getbasetemp() / "oblique.nii"
    nibabel.save(nibabel.Nifti1Image(array.astype(np.int16), affine), path)
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), array)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7), rel=1e-5)
    assert any("tilted" in w for w in ct.warnings) == (np.degrees(_largest_angle(affine)) > 10)


def _largest_angle(affine):
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return np.arccos(np.abs(np.diag(unit)).min())


@pytest.mark.parametrize("code, factor", [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_units(code, factor, volume, write):
    affine = np.diag([*(np.diag(LPS)[:3] / factor), 1])
    path = write(stored(volume), affine, xyzt_units=code, name="a.nii")
    ct = liverseg.read(path)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))
    np.testing.assert_allclose(ct.native.affine, LPS, rtol=1e-5)


def test_orientation_that_is_not_stored_is_a_warning(volume, write):
    path = write(stored(volume), None, pixdim=[1, 0.7, 0.8, 5, 0, 0, 0, 0], name="a.nii")
    ct = liverseg.read(path)
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))
    assert any("does not say how the image lies" in w for w in ct.warnings)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, 1)])
def test_false_identity_of_lits(signs, synthetic_hu, write):
    array = np.repeat(synthetic_hu(256, 256)[..., None], 2, axis=2)
    ct = liverseg.read(write(array, np.diag([*signs, 1.0])))
    assert ct.spacing_mm is None and ct.spacing_source == "unknown"
    assert any("LiTS" in w for w in ct.warnings)


def test_true_1_mm_is_believed(synthetic_hu, write):
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


def test_broken_affine_falls_back_to_pixdim(volume, write):
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


def test_broken_sform_falls_back_to_the_qform(volume, write):
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
def test_a_flat_file_without_thickness_says_so(depth, known, synthetic_hu, write):
    ct = liverseg.read(write(synthetic_hu().T, np.diag([-0.7, -0.8, depth, 1])))
    assert ct.spacing_mm == pytest.approx((depth, 0.8, 0.7))
    assert any("thickness" in w and "only areas" in w for w in ct.warnings) != known
    assert ("placeholder" in ct.spacing_source) != known


def test_2d_with_an_empty_third_column(synthetic_hu, write):
    path = write(synthetic_hu().T, name="a.nii")
    for depth, expected in [(3.0, 3.0), (0.0, 1.0)]:
        pixdim, codes, srow_z = struct.pack("<f", depth), struct.pack("<2h", 0, 1), bytes(16)
        ct = liverseg.read(patched(path, {88: pixdim, 252: codes, 312: srow_z}))
        np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
        assert ct.spacing_mm == pytest.approx((expected, 0.8, 0.7))


@pytest.mark.parametrize("world", [0, 1])
def test_a_lone_slice_that_is_not_axial_is_refused(world, synthetic_hu, write):
    order = {0: [2, 1, 0], 1: [0, 2, 1]}[world]  # the third axis runs along `world`
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order]
    for shape in [(80, 96), (80, 96, 1)]:
        with pytest.raises(NotCT, match="axial"):
            liverseg.read(write(synthetic_hu().reshape(shape), affine))


def test_values_that_are_not_finite(volume, write):
    array = stored(volume).astype(np.float32)
    array[:5], array[5, 0, 0] = np.nan, np.inf
    ct = liverseg.read(write(array))
    assert (ct.hu[:, :, :5] == -1024).all() and any("finite" in w for w in ct.warnings)
    array[:60] = np.nan
    with pytest.raises(UnreadableInput, match="finite"):
        liverseg.read(write(array))


def test_8_bit_grey_goes_through_the_window(volume, write):
    grey = to_grey(volume, Window(60, 200))
    ct = liverseg.read(write(stored(grey)), window=(60, 200))
    assert ct.assumed_window == Window(60, 200) and ct.spacing_mm is not None
    np.testing.assert_array_equal(to_grey(ct.hu, Window(60, 200)), grey)
    assert any("60/200" in w for w in ct.warnings)
    unit = liverseg.read(write(stored(grey / np.float32(255))), window=(60, 200))
    np.testing.assert_allclose(unit.hu, ct.hu, atol=1e-3)
    assert liverseg.read(write(stored(grey))).assumed_window == Window(40, 400)


def test_hu_that_were_saturated_at_0_and_255_stay_hu(volume, write):
    saturated = volume.clip(0, 255).astype(np.int16)
    assert saturated.min() == 0 and saturated.max() == 255
    ct = liverseg.read(write(stored(saturated)), window=(60, 200))
    assert ct.assumed_window is None
    np.testing.assert_array_equal(ct.hu, saturated)


def test_scaled_bytes_are_hu(write, synthetic_hu):
    array = np.clip((synthetic_hu() + 1024) // 8, 0, 255).astype(np.uint8)[..., None]
    ct = liverseg.read(patched(write(array, name="a.nii"), {112: struct.pack("<2f", 8, -1024)}))
    assert ct.assumed_window is None and ct.hu.min() <= -1000


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda v: v + 1024, "below 0"),
        (lambda v: v / 2000.0, "normalised"),
        (lambda v: v * 0 - 1000, "the same"),
        (lambda v: v.clip(-1000, -500), "soft tissue"),
    ],
)
def test_values_that_cannot_be_hu_are_a_warning(change, sentence, volume, write):
    ct = liverseg.read(write(stored(change(volume.clip(-1024, None)).astype(np.float32))))
    assert any(sentence in w for w in ct.warnings)


def test_labels_are_refused(volume, write):
    with pytest.raises(NotCT, match="label"):
        liverseg.read(write(stored((volume > 0).astype(np.uint8))))


def test_colour_complex_and_time_series_are_refused(volume, write):
    rgb = np.zeros((64, 64, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(NotCT, match="data type"):
        liverseg.read(write(rgb))
    with pytest.raises(NotCT, match="data type"):
        liverseg.read(write(stored(volume).astype(np.complex64)))
    with pytest.raises(NotCT, match="dimensions"):
        liverseg.read(write(np.stack([stored(volume)] * 2, axis=-1)))


def header_bytes(shape, bitpix_code=4, offset=352.0):
    header = nibabel.Nifti1Header()
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["datatype"], header["bitpix"], header["vox_offset"], header["magic"] = (
        bitpix_code,
        16,
        offset,
        b"n+1",
    )
    return header.binaryblock + bytes(4)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "shape, offset, kind",
    [
        ((32767, 32767, 32767), 352, InputTooLarge),
        ((2048, 2048, 1000), 352, InputTooLarge),
        ((512, 512, 100), 352, UnreadableInput),  # ends after the header
        ((512, 512, 1), 1e30, UnreadableInput),
        ((512, 512, 1), float("nan"), UnreadableInput),
        ((512, 512, 1), 1e6, UnreadableInput),
        ((512, -5, 1), 352, UnreadableInput),
        ((20, 20, 5), 352, LiversegError),
    ],
)
def test_headers_that_lie_are_refused_before_anything_is_allocated(shape, offset, kind, packed, tmp_path):
    raw = header_bytes(shape, offset=offset)
    (tmp_path / "a").write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(kind) as refusal:
        liverseg.read(tmp_path / "a")
    assert str(refusal.value).count(".") <= 2 and "damaged and cannot" not in str(refusal.value)


def test_gzip_bomb_costs_only_what_its_header_declares(tmp_path, write, synthetic_hu):
    raw = header_bytes((64, 64, 1)) + synthetic_hu(64, 64).tobytes() + bytes(32 * 1024**2)
    (tmp_path / "a").write_bytes(gzip.compress(raw, 1))
    assert liverseg.read(tmp_path / "a").shape == (1, 64, 64)


def test_truncated_and_corrupted_files_are_refused(volume, write):
    for name in ("a.nii.gz", "b.nii"):
        path = write(stored(volume), name=name)
        whole = path.read_bytes()
        for length in (20, 200, 340, len(whole) // 2, len(whole) - 9):
            path.write_bytes(whole[:length])
            with pytest.raises(UnreadableInput):
                liverseg.read(path)
    path = write(stored(volume))
    damaged = bytearray(path.read_bytes())
    damaged[-8] ^= 0xFF  # the checksum
    path.write_bytes(damaged)
    with pytest.raises(UnreadableInput, match="damaged"):
        liverseg.read(path)


def test_too_small(write):
    with pytest.raises(InputTooSmall):
        liverseg.read(write(np.zeros((63, 64, 2), np.int16)))


def test_two_geometries_that_disagree_are_a_warning(volume, write):
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


def test_the_way_of_dcm2niix(volume, tmp_path):
    """int16 with a slope, rows from back to front, a fourth axis of one volume, seconds as unit of time."""
    flipped = stored(volume)[:, ::-1, :]
    affine = np.array([[-0.7, 0, 0, 40], [0, 0.8, 0, -80], [0, 0, 5, -301.5], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(flipped[..., None].astype(np.int16), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"], image.header["cal_max"] = b"TE=0;Time=101500.000", 400
    nibabel.save(image, tmp_path / "a.nii.gz")
    ct = liverseg.read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.native.shape == (*flipped.shape, 1) and ct.warnings == ()
    assert ct.spacing_mm == pytest.approx((5.0, 0.8, 0.7))


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_a_slope_with_any_type_compressed(dtype, volume, write):
    raw = patched(
        write((stored(volume) * 2).astype(dtype), name="a.nii"), {112: struct.pack("<2f", 0.5, 0)}
    ).read_bytes()
    path = write(stored(volume))
    path.write_bytes(gzip.compress(raw))
    np.testing.assert_array_equal(liverseg.read(path).hu, volume)
