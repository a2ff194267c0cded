"""Fields of NRRD headers: spaces, sizes without a space, encodings, and headers that lie."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

import liverseg
from fuzzing.text_volumes import PACKERS, nrrd_file, nrrd_header
from liverseg.errors import InputTooLarge, LiversegError, NotCT, UnreadableInput
from tests.liverseg.io.volume.itk_images import affine_of_itk


@pytest.fixture
def stored(volume):
    """The volume with its axes to the left, to posterior and to superior."""
    return volume.transpose(2, 1, 0)


@pytest.fixture
def write(tmp_path):
    def save(content: bytes, name="a.nrrd"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", ["raw", "gzip", "bzip2"])
def test_encodings_and_byte_orders(packing, order, stored, volume, write):
    array = stored.astype(f"{order}i2")
    ct = liverseg.read(path := write(nrrd_file(array, packing)))
    np.testing.assert_array_equal(ct.hu, volume)
    if packing != "bzip2":  # which ITK is built without
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))), volume)


@pytest.mark.parametrize(
    "space, signs",
    [("left-posterior-superior", (1, 1)), ("LPS", (1, 1)), ("right-anterior-superior", (-1, -1)),
     ("RAS", (-1, -1)), ("left-anterior-superior", (1, -1))],
)  # fmt: skip
def test_spaces_lead_to_the_same_image(space, signs, stored, volume, write):
    """The same voxels in each space: the signs of x and y change with it."""
    x, y = signs
    path = write(
        nrrd_file(
            stored,
            space=space,
            space_directions=f"({0.7 * x},0,0) (0,{0.8 * y},0) (0, 0, 5)",
            space_origin=f"({12 * x},{-34 * y},56)",
        )
    )
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu, volume)
    np.testing.assert_allclose(ct.native.affine, affine_of_itk(path), atol=1e-9)
    assert ct.warnings == () and ct.orientation_known


NO_SPACE = {"space": None, "space_directions": None, "space_origin": None}


@pytest.mark.parametrize(
    "changes, spacing, warning",
    [
        ({**NO_SPACE, "spacings": "0.7 0.8 5"}, (5, 0.8, 0.7), "does not say how the image lies"),
        (NO_SPACE, None, "gives no pixel size"),
        ({**NO_SPACE, "spacings": "0.7 nan 5"}, None, "gives no pixel size"),
        ({**NO_SPACE, "spacings": "1 1 1"}, None, "exactly 1 mm in every direction"),
        ({"space": "scanner-xyz"}, (5, 0.8, 0.7), "does not say how the image lies"),
        ({"space_directions": "(0,0,0) (0,0.8,0) (0,0,5)"}, None, "gives no pixel size"),
        ({"space_directions": "(inf,0,0) (0,0.8,0) (0,0,5)"}, None, "gives no pixel size"),
        ({"space_directions": "(70,0,0) (0,80,0) (0,0,5)"}, None, "not one a CT has"),
        ({"space_units": '"mm" "mm" "s"'}, None, "gives no pixel size"),
        ({"space_units": '"um" "um" "um"', "space_directions": "(700,0,0) (0,800,0) (0,0,5000)"},
         (5, 0.8, 0.7), None),
        ({"space_origin": None}, (5, 0.8, 0.7), None),
        ({"space_origin": "none"}, (5, 0.8, 0.7), None),
    ],
)  # fmt: skip
def test_missing_geometry_gives_the_doubts_of_nifti(changes, spacing, warning, stored, volume, write):
    ct = liverseg.read(write(nrrd_file(stored, **changes)))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.spacing_mm == (spacing and pytest.approx(spacing))
    assert [warning in w for w in ct.warnings if warning] == [True] * len(ct.warnings) or any(
        warning in w for w in ct.warnings
    )
    assert ct.orientation_known == (warning is None or "not one a CT" in warning)


def test_an_axis_of_one_value_is_left_out(stored, volume, write):
    changes = {"kinds": "list domain domain domain", "space_directions": "none (0.7,0,0) (0,0.8,0) (0,0,5)"}
    ct = liverseg.read(write(nrrd_file(stored[None], **changes)))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.native.shape == stored.shape and ct.spacing_mm == pytest.approx((5, 0.8, 0.7))


@pytest.mark.parametrize("packing", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("skip", [0, 300, -1])
def test_a_detached_image_and_what_precedes_it(skip, packing, stored, volume, write):
    if skip < 0 and packing != "raw":
        pytest.skip("the format has -1 for raw data alone")
    header = nrrd_header(stored, encoding=packing, data_file="./ct.bin", byte_skip=str(skip))
    write(PACKERS[packing](b"x" * 300 * (skip != 0) + stored.tobytes(order="F")), "ct.bin")
    ct = liverseg.read(write(header, "a.nhdr"))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.sha256 != liverseg.read(write(nrrd_file(stored))).sha256


def test_windows_line_ends_and_key_value_pairs(stored, volume, write):
    header = nrrd_header(stored).replace(b"encoding", b"DICOM_0010_0010:=Secret^Name\nsizes:=1\nencoding")
    ct = liverseg.read(write(header.replace(b"\n", b"\r\n") + stored.tobytes(order="F")))
    np.testing.assert_array_equal(ct.hu, volume)
    assert "Secret" not in repr(ct)


@pytest.mark.parametrize(
    "changes, kind, sentence",
    [
        ({"sizes": "32767 32767 32767"}, InputTooLarge, "declares 32767 × 32767 × 32767 voxels"),
        ({"sizes": "2048 2048 1000"}, InputTooLarge, "more than 2 GiB"),
        ({"sizes": "96 80 30"}, UnreadableInput, "truncated"),
        ({"sizes": "96 80"}, UnreadableInput, "impossible image size"),
        ({"sizes": "96 -80 3"}, UnreadableInput, "impossible image size"),
        ({"sizes": "9" * 5000 + " 80 3"}, UnreadableInput, "“sizes” is missing or has an impossible value"),
        ({"sizes": None}, UnreadableInput, "“sizes” is missing"),
        ({"dimension": "x"}, UnreadableInput, "“dimension”"),
        ({"type": "block"}, NotCT, "blocks of bytes"),
        ({"type": "quaternion"}, UnreadableInput, "“type”"),
        ({"endian": None}, UnreadableInput, "order the bytes"),
        ({"encoding": "ascii"}, UnreadableInput, "stored as text"),
        ({"encoding": "hex"}, UnreadableInput, "stored as text"),
        ({"encoding": "zrl"}, UnreadableInput, "“encoding”"),
        ({"encoding": None}, UnreadableInput, "“encoding”"),
        ({"encoding": "gzip"}, UnreadableInput, "damaged"),
        ({"encoding": "bzip2"}, UnreadableInput, "damaged"),
        ({"line_skip": "3"}, UnreadableInput, "skips lines"),
        ({"byte_skip": "-7"}, UnreadableInput, "“byte skip”"),
        ({"byte_skip": str(10**15)}, UnreadableInput, "“byte skip”"),
        ({"kinds": "RGB-color domain domain"}, NotCT, "several values a voxel"),
        ({"kinds": "domain domain"}, UnreadableInput, "“kinds”"),
        ({"space_directions": "(1,0,0) (0,1,0)"}, UnreadableInput, "“space directions”"),
        ({"space_directions": "(1,0,0) (0,1,0) sideways"}, UnreadableInput, "“space directions”"),
        ({"space_origin": "12 34 56"}, UnreadableInput, "“space origin”"),
        ({"data_file": "../ct.raw"}, UnreadableInput, "in another folder"),
        ({"data_file": "/etc/passwd"}, UnreadableInput, "in another folder"),
        ({"data_file": "C:\\ct.raw"}, UnreadableInput, "in another folder"),
        ({"data_file": ".."}, UnreadableInput, "in another folder"),
        ({"data_file": "LIST"}, UnreadableInput, "several data files"),
        ({"data_file": "ct%03d.raw 1 9 1"}, UnreadableInput, "several data files"),
        ({"data_file": "gone.raw"}, UnreadableInput, "which is not there"),
    ],
)  # fmt: skip
def test_headers_that_lie_are_refused_in_one_sentence(changes, kind, sentence, stored, write):
    with pytest.raises(kind, match=sentence) as refusal:
        liverseg.read(write(nrrd_file(stored, **{"packing": "raw", **changes})))
    assert str(refusal.value).count(". ") == 0


def test_a_segmentation_of_3d_slicer_is_named(stored, write):
    header = nrrd_header((stored > 500).astype(np.uint8))
    header = header.replace(b"\n\n", b"\nSegment0_ID:=Segment_1\nSegment0_Name:=liver\n\n")
    with pytest.raises(NotCT, match=r"segmentation of 3D Slicer \(.seg.nrrd\), a mask and not a CT"):
        liverseg.read(write(header + bytes(stored.size)))


@pytest.mark.parametrize(
    "content",
    [b"NRRD0004\nno field\n\n", b"NRRD0004\n", b"NRRD0004", b"NRRD0004\n" + b"#\n" * 30_000,
     b"NRRD0004\n" + b"a:" * 2**20],
)  # fmt: skip
def test_headers_without_an_end_are_refused(content, write):
    with pytest.raises(LiversegError) as refusal:
        liverseg.read(write(content))
    assert "truncated or damaged and" not in str(refusal.value)
