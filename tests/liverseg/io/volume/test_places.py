"""Data files beside a header, and the only volume of a folder, list or zip."""

from __future__ import annotations

import gzip
import zipfile

import nibabel
import numpy as np
import pytest

import liverseg
from fuzzing.text_volumes import metaimage_file, metaimage_header, nrrd_file, nrrd_header
from liverseg.errors import InvalidSetting, UnreadableInput
from liverseg.io.read import volume_shape
from tests.liverseg.io.nifti.nifti_files import LPS


@pytest.fixture
def contents(volume):
    """Files of one volume, by the name of their format."""
    stored = volume.transpose(2, 1, 0)
    raw = stored.tobytes(order="F")
    nifti = nibabel.Nifti1Image(stored, LPS).to_bytes()
    return {
        "nifti": {"ct.nii": nifti},
        "nifti-gz": {"ct.nii.gz": gzip.compress(nifti)},
        "nrrd": {"ct.nrrd": nrrd_file(stored, "gzip")},
        "nhdr": {"ct.nhdr": nrrd_header(stored, data_file="ct.raw"), "ct.raw": raw},
        "mha": {"ct.mha": metaimage_file(stored, "zlib")},
        "mhd": {"ct.mhd": metaimage_header(stored, {"ElementDataFile": "ct.raw"}), "ct.raw": raw},
    }


FORMATS = ("nifti", "nifti-gz", "nrrd", "nhdr", "mha", "mhd")


def put(files: dict[str, bytes], folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def zipped(files: dict[str, bytes], path, prefix="study/ct/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return path


@pytest.mark.parametrize("format", FORMATS)
def test_the_only_volume_of_a_folder_list_or_zip_is_read(format, contents, volume, tmp_path):
    files = contents[format]
    paths = put(files, tmp_path / "folder" / "below")
    alone = liverseg.read(paths[0])
    np.testing.assert_array_equal(alone.hu, volume)
    for source in (tmp_path / "folder", paths, zipped(files, tmp_path / "ct.zip")):
        ct = liverseg.read(source)
        np.testing.assert_array_equal(ct.hu, volume)
        assert (ct.sha256, ct.source_format, ct.warnings) == (alone.sha256, alone.source_format, ())
        assert volume_shape(source) == volume.shape
    with_others = zipped({**files, "readme.txt": b"text", "a.json": b"{}"}, tmp_path / "others.zip")
    assert liverseg.read(with_others).warnings == ("2 other files of the zip were left out.",)


def test_series_belong_to_dicom(contents, tmp_path):
    archive = zipped(contents["nrrd"], tmp_path / "ct.zip")
    for source in (archive, put(contents["mha"], tmp_path / "folder")[0]):
        with pytest.raises(InvalidSetting, match="Only DICOM holds several series"):
            liverseg.read(source, series=1)
        with pytest.raises(InvalidSetting, match="Only DICOM holds series"):
            liverseg.list_series(source)


def test_several_volumes_are_refused_with_what_is_there(contents, tmp_path):
    files = contents["nifti"] | contents["nrrd"] | contents["mhd"]
    with pytest.raises(UnreadableInput) as refusal:
        liverseg.read(zipped(files, tmp_path / "all.zip"))
    assert str(refusal.value) == (
        "There is no DICOM CT image in the zip; it holds 1 NIfTI image, 1 NRRD file, 1 MetaImage file and "
        "other files: give one of these images or archives by itself, outside the zip."
    )


def test_dicom_goes_before_a_volume_beside_it(contents, series, tmp_path):
    folder, _ = series()
    put(contents["nrrd"], folder)
    ct = liverseg.read(folder)
    assert ct.source_format == "dicom" and any("1 file that is not a CT slice" in w for w in ct.warnings)


def test_an_upload_may_have_renamed_the_data_file(contents, volume, tmp_path):
    header, raw = put(contents["mhd"], tmp_path / "a")
    renamed = raw.rename(tmp_path / "ct1.raw")
    np.testing.assert_array_equal(liverseg.read([renamed, header]).hu, volume)
    with pytest.raises(UnreadableInput, match="which is not there"):
        liverseg.read([renamed, header, put({"a.txt": b"text"}, tmp_path)[0]])


@pytest.mark.parametrize("name", ["../ct.raw", "ct.raw"])
def test_a_zip_and_a_folder_keep_to_the_folder_of_the_header(name, contents, volume, tmp_path):
    header = metaimage_header(volume.transpose(2, 1, 0), {"ElementDataFile": name})
    files = {"a/ct.mhd": header, "ct.raw": contents["mhd"]["ct.raw"]}
    (tmp_path / "files" / "a").mkdir(parents=True)
    put(files, tmp_path / "files")
    for source in (
        zipped(files, tmp_path / "ct.zip"),
        tmp_path / "files",
        tmp_path / "files" / "a" / "ct.mhd",
    ):
        with pytest.raises(UnreadableInput, match="another folder|which is not there"):
            liverseg.read(source)


def test_a_data_file_that_is_a_link_is_followed_inside_its_tree_only(contents, volume, tmp_path):
    header, raw = put(contents["nhdr"], tmp_path / "scans")
    outside = raw.rename(tmp_path / "outside.raw")
    raw.symlink_to(outside)
    with pytest.raises(UnreadableInput, match="link that leads out of its folder"):
        liverseg.read(header)
    raw.unlink()
    raw.symlink_to(outside.rename(tmp_path / "scans" / "inside.raw"))
    np.testing.assert_array_equal(liverseg.read(header).hu, volume)
    raw.unlink()
    raw.symlink_to(tmp_path / "scans")
    with pytest.raises(UnreadableInput, match="neither a file nor a folder"):
        liverseg.read(header)


def test_damage_inside_a_zip_is_noticed(contents, tmp_path):
    path = zipped(contents["nifti"], tmp_path / "ct.zip")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match="damaged"):
        liverseg.read(path)
