"""Axis orders, data types, scaling, and malformed files."""

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
from liverseg.errors import InputTooLarge, InputTooSmall, LiversegError, NotCT, UnreadableInput
from tests.liverseg.io.nifti.nifti_files import LPS, patched, stored

ORDERS = [(p, s) for p in itertools.permutations(range(3)) for s in itertools.product([1, -1], repeat=3)]


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


def test_the_file_name_is_ignored(volume, write, tmp_path):
    path = write(stored(volume))
    for name in ("scan.nii", "scan.png", "scan"):
        np.testing.assert_array_equal(liverseg.read(path.rename(tmp_path / name)).hu, volume)
        path = tmp_path / name


@pytest.mark.parametrize("shape", [(96, 80), (96, 80, 1), (96, 80, 1, 1), (96, 80, 1, 1, 1)])
def test_single_slices_of_any_rank(shape, synthetic_hu, write):
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
def test_slope_and_intercept(slope, intercept, expected, volume, write):
    path = patched(write(stored(volume), name="a.nii"), {112: struct.pack("<2f", slope, intercept)})
    scaled = volume * expected[0] + expected[1]
    scaled[scaled < -1500] = -1024
    np.testing.assert_array_equal(liverseg.read(path).hu, scaled)


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_slope_in_compressed_files_of_several_types(dtype, volume, write):
    raw = patched(
        write((stored(volume) * 2).astype(dtype), name="a.nii"), {112: struct.pack("<2f", 0.5, 0)}
    ).read_bytes()
    path = write(stored(volume))
    path.write_bytes(gzip.compress(raw))
    np.testing.assert_array_equal(liverseg.read(path).hu, volume)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_oblique_grids_are_kept(data, tmp_path_factory):
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
    assert any("tilted" in w for w in ct.warnings) == (np.degrees(_normal_angle(affine)) > 10)


def _normal_angle(affine):
    normal = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    return np.arccos(abs(normal[2]))


@pytest.mark.parametrize("world", [0, 1])
def test_single_slices_that_are_not_axial_are_refused(world, synthetic_hu, write):
    order = {0: [2, 1, 0], 1: [0, 2, 1]}[world]  # the third axis runs along `world`
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order]
    for shape in [(80, 96), (80, 96, 1)]:
        with pytest.raises(NotCT, match="axial"):
            liverseg.read(write(synthetic_hu().reshape(shape), affine))


def test_values_that_are_not_finite_become_air_or_are_refused(volume, write):
    array = stored(volume).astype(np.float32)
    array[:5], array[5, 0, 0] = np.nan, np.inf
    ct = liverseg.read(write(array))
    assert (ct.hu[:, :, :5] == -1024).all() and any("finite" in w for w in ct.warnings)
    array[:60] = np.nan
    with pytest.raises(UnreadableInput, match="finite"):
        liverseg.read(write(array))


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda v: v + 1024, "below 0"),
        (lambda v: v / 2000.0, "normalised"),
        (lambda v: v * 0 - 1000, "the same"),
        (lambda v: v.clip(-1000, -500), "soft tissue"),
    ],
)
def test_implausible_values_give_a_warning(change, sentence, volume, write):
    ct = liverseg.read(write(stored(change(volume.clip(-1024, None)).astype(np.float32))))
    assert any(sentence in w for w in ct.warnings)


def test_colour_complex_and_time_series_are_refused(volume, write):
    rgb = np.zeros((64, 64, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(NotCT, match="data type"):
        liverseg.read(write(rgb))
    with pytest.raises(NotCT, match="data type"):
        liverseg.read(write(stored(volume).astype(np.complex64)))
    with pytest.raises(NotCT, match="dimensions"):
        liverseg.read(write(np.stack([stored(volume)] * 2, axis=-1)))


def header_bytes(shape, datatype=4, offset=352.0):
    header = nibabel.Nifti1Header()
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["datatype"], header["bitpix"], header["vox_offset"], header["magic"] = (
        datatype,
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
def test_wrong_headers_are_refused_before_allocation(shape, offset, kind, packed, tmp_path):
    raw = header_bytes(shape, offset=offset)
    (tmp_path / "a").write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(kind) as refusal:
        liverseg.read(tmp_path / "a")
    assert str(refusal.value).count(".") <= 2 and "damaged and cannot" not in str(refusal.value)


def test_no_more_is_decompressed_than_the_header_declares(tmp_path, write, synthetic_hu):
    raw = header_bytes((64, 64, 1)) + synthetic_hu(64, 64).tobytes() + bytes(32 * 1024**2)
    (tmp_path / "a").write_bytes(gzip.compress(raw, 1))
    assert liverseg.read(tmp_path / "a").shape == (1, 64, 64)


def test_truncated_and_damaged_files_are_refused(volume, write):
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


LONG_HEAD = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 9000 + b"\0"
FULL_HEAD = b"\x1f\x8b\x08\x10" + bytes(6) + b"c" * 4085 + b"\0"  # of 4096 bytes


@pytest.mark.parametrize(
    "pack",
    [
        lambda raw: gzip.compress(raw) + b"trailing bytes",
        lambda raw: LONG_HEAD + gzip.compress(raw)[10:],
        lambda raw: gzip.compress(b"") * 3 + gzip.compress(raw[:100]) + gzip.compress(raw[100:]),
        lambda raw: FULL_HEAD + gzip.compress(raw)[10:],
    ],
    ids=["trailing bytes", "a long file name", "several members", "a comment that fills the head"],
)
def test_gzip_files_of_any_writer_are_read(pack, volume, write):
    path = write(stored(volume), name="a.nii")
    path.write_bytes(pack(path.read_bytes()))
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.warnings == ()


def test_gzip_with_a_long_head_and_no_nifti_is_named(tmp_path):
    (tmp_path / "a.gz").write_bytes(LONG_HEAD + gzip.compress(b"text " * 500)[10:])
    with pytest.raises(UnreadableInput, match="no NIfTI image in it"):
        liverseg.read(tmp_path / "a.gz")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_halves_of_a_pair_are_named(kind, order, packed, volume, tmp_path):
    image = kind(stored(volume), LPS, kind.header_class(endianness=order))
    nibabel.save(image, tmp_path / "a.hdr")
    path = tmp_path / "a.hdr"
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(UnreadableInput, match="half of an Analyze or NIfTI pair"):
        liverseg.read(path)


def test_images_that_are_too_small_are_refused(write):
    with pytest.raises(InputTooSmall):
        liverseg.read(write(np.zeros((63, 64, 2), np.int16)))


def test_files_of_dcm2niix(volume, tmp_path):
    """Rows from back to front, a fourth axis of length 1, and seconds as the unit of time."""
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


def test_unsigned_values_that_no_ct_has_are_negative(volume, write):
    """HU in two's complement, and padding of -2000, as uint16."""
    padded = volume.copy()
    padded[:, :4] = -2000
    ct = liverseg.read(write(stored(padded.view(np.uint16))))
    np.testing.assert_array_equal(ct.hu[:, 4:], volume[:, 4:])
    assert (ct.hu[:, :4] == -1024).all() and ["31,743" in w for w in ct.warnings] == [True]
    path = write(stored((padded + 1024).view(np.uint16)), name="a.nii")
    ct = liverseg.read(patched(path, {112: struct.pack("<2f", 1, -1024)}))
    np.testing.assert_array_equal(ct.hu[:, 4:], volume[:, 4:])


def test_other_values_that_no_ct_has_give_a_warning(volume, write):
    changed = volume.astype(np.int32)
    changed[0, 0, 0] = 100_000
    assert any("100,000" in w and "no CT has" in w for w in liverseg.read(write(stored(changed))).warnings)


def test_a_shifted_slice_gives_a_warning(volume, write):
    changed = volume.copy()
    changed[1] += 1024
    ct = liverseg.read(write(stored(changed)))
    assert any("slice 2 of 3" in w and "1,0" in w for w in ct.warnings)
