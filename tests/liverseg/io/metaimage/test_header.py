"""Fields of MetaImage headers: orientation, byte order, data files, and headers that lie."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import SimpleITK

import liverseg
from fuzzing.text_volumes import metaimage_file, metaimage_header
from liverseg.errors import InputTooLarge, LiversegError, NotCT, UnreadableInput
from tests.liverseg.io.volume.itk_images import affine_of_itk


@pytest.fixture
def stored(volume):
    """The volume with its axes to the left, to posterior and to superior."""
    return volume.transpose(2, 1, 0)


@pytest.fixture
def write(tmp_path):
    def save(content: bytes, name="a.mha"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", ["raw", "zlib", "gzip"])
def test_compressions_and_byte_orders(packing, order, stored, volume, write):
    path = write(metaimage_file(stored.astype(f"{order}i2"), packing))
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu, volume)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))), volume)
    np.testing.assert_allclose(ct.native.affine, affine_of_itk(path), atol=1e-9)
    assert ct.warnings == ()


@pytest.mark.parametrize(
    "changes, spacing, warning",
    [
        ({"TransformMatrix": None}, (5, 0.8, 0.7), None),
        ({"TransformMatrix": None, "AnatomicalOrientation": "???"}, (5, 0.8, 0.7), "how the image lies"),
        ({"AnatomicalOrientation": "LPI"}, (5, 0.8, 0.7), "gives two orientations"),
        ({"AnatomicalOrientation": "XYZ"}, (5, 0.8, 0.7), None),
        ({"ElementSpacing": None}, None, "gives no pixel size"),
        ({"ElementSpacing": "0 0.8 5"}, None, "gives no pixel size"),
        ({"ElementSpacing": None, "ElementSize": "0.7 0.8 5"}, (5, 0.8, 0.7), None),
        ({"ElementSpacing": "70 80 5"}, None, "not one a CT has"),
        ({"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, (5, 0.8, 0.7), "how the image lies"),
        ({"TransformMatrix": "nan 0 0 0 1 0 0 0 1"}, (5, 0.8, 0.7), "how the image lies"),
        ({"Offset": None, "Position": "12 -34 56"}, (5, 0.8, 0.7), None),
    ],
)
def test_orientation_and_sizes(changes, spacing, warning, stored, volume, write):
    ct = liverseg.read(write(metaimage_file(stored, **changes)))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.spacing_mm == (spacing and pytest.approx(spacing))
    assert any(warning in w for w in ct.warnings) if warning else ct.warnings == ()


def test_letters_give_the_orientation_without_a_matrix(stored, volume, write):
    """ "LPS" starts at the left, at posterior and at superior: all three axes run the other way."""
    changes = {"TransformMatrix": None, "AnatomicalOrientation": "LPS"}
    ct = liverseg.read(write(metaimage_file(stored[::-1, ::-1, ::-1].copy(), **changes)))
    np.testing.assert_array_equal(ct.hu, volume)
    assert ct.orientation_known


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1)])
def test_the_false_identity_of_some_exports_means_unknown_spacing(signs, synthetic_hu, write):
    array = np.repeat(synthetic_hu(256, 256)[..., None], 2, axis=2)
    matrix = " ".join(str(n) for n in np.diag(signs).ravel())
    changes = {"TransformMatrix": matrix, "Offset": "0 0 0", "ElementSpacing": "1 1 1"}
    ct = liverseg.read(write(metaimage_file(array, **changes, AnatomicalOrientation=None)))
    assert ct.spacing_mm is None and any("LiTS" in w for w in ct.warnings) and not ct.orientation_known


@pytest.mark.parametrize("skip", ["0", "300", "-1"])
def test_a_detached_image_and_what_precedes_it(skip, stored, volume, write):
    header = metaimage_header(stored, {"ElementDataFile": "ct.raw", "HeaderSize": skip})
    write(b"x" * 300 * (skip != "0") + stored.tobytes(order="F"), "ct.raw")
    np.testing.assert_array_equal(liverseg.read(write(header, "a.mhd")).hu, volume)


@pytest.mark.parametrize(
    "changes, kind, sentence",
    [
        ({"DimSize": "32767 32767 32767"}, InputTooLarge, "declares 32767 × 32767 × 32767 voxels"),
        ({"DimSize": "96 80 30"}, UnreadableInput, "truncated"),
        ({"DimSize": "96 80 0"}, UnreadableInput, "impossible image size"),
        ({"DimSize": "96 80"}, UnreadableInput, "impossible image size"),
        ({"NDims": None}, UnreadableInput, "NDims is missing"),
        ({"ElementType": "MET_FOO"}, UnreadableInput, "ElementType"),
        ({"ElementType": "MET_UCHAR_ARRAY"}, NotCT, "several values a voxel"),
        ({"ElementNumberOfChannels": "3"}, NotCT, "several values a voxel"),
        ({"ObjectType": "Mesh"}, NotCT, "object of another kind"),
        ({"Modality": "MET_MOD_MR"}, NotCT, "says that this is MR, not CT"),
        ({"Modality": "MET_MOD_SecretName"}, NotCT, "says that this is another modality, not CT"),
        ({"BinaryData": "False"}, UnreadableInput, "stored as text"),
        ({"CompressedData": "True"}, UnreadableInput, "damaged"),
        ({"TransformMatrix": "1 0 0 1"}, UnreadableInput, "TransformMatrix"),
        ({"ElementSpacing": "0.7 wide 5"}, UnreadableInput, "ElementSpacing"),
        ({"Offset": "1 2"}, UnreadableInput, "Offset"),
        ({"HeaderSize": "99999999999", "ElementDataFile": "a.mha"}, UnreadableInput, "HeaderSize"),
        ({"ElementDataFile": "LIST"}, UnreadableInput, "several data files"),
        ({"ElementDataFile": "ct%03d.raw 1 9 1"}, UnreadableInput, "several data files"),
        ({"ElementDataFile": "../ct.raw"}, UnreadableInput, "in another folder"),
        ({"ElementDataFile": "/etc/passwd"}, UnreadableInput, "in another folder"),
        ({"ElementDataFile": "gone.raw"}, UnreadableInput, "which is not there"),
        ({"ElementDataFile": None}, UnreadableInput, "MetaImage header is damaged"),
    ],
)
def test_headers_that_lie_are_refused_in_one_sentence(changes, kind, sentence, stored, write):
    with pytest.raises(kind, match=sentence) as refusal:
        liverseg.read(write(metaimage_file(stored, **changes)))
    assert str(refusal.value).count(". ") == 0 and "Secret" not in str(refusal.value)


def test_metaimage_inside_gzip_is_named(stored, write):
    with pytest.raises(LiversegError, match="This is a MetaImage file compressed with gzip"):
        liverseg.read(write(gzip.compress(metaimage_file(stored))))
