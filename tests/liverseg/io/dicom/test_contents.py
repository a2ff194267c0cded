"""Folders, lists and zips without a CT: the sentence says what is in them."""

from __future__ import annotations

import gzip
from collections import Counter

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg.errors import NotCT, UnreadableInput
from liverseg.io import folder
from liverseg.io.dicom.contents import no_ct_sentence, skipped_warnings
from tests.liverseg.io.dicom.series_files import as_zip


@pytest.fixture
def files(tmp_path):
    """A NIfTI image, a picture and a text, by name."""
    place = tmp_path / "files"
    place.mkdir()
    image = nibabel.Nifti1Image(np.zeros((80, 80, 4), np.int16), np.eye(4))
    (place / "ct.nii").write_bytes(image.to_bytes())
    (place / "ct.nii.gz").write_bytes(gzip.compress(image.to_bytes()))
    cv2.imwrite(str(place / "a.png"), np.arange(6400, dtype=np.uint8).reshape(80, 80))
    (place / "a.txt").write_text("text")
    return {path.name: path for path in place.iterdir()}


def test_a_zip_or_folder_of_other_formats_is_refused_with_what_it_holds(files, tmp_path):
    pictures = as_zip([files["a.png"]], tmp_path / "pictures.zip")
    with pytest.raises(UnreadableInput) as refusal:
        liverseg.read(pictures)
    assert str(refusal.value) == (
        "There is no DICOM CT image in the zip; it holds 1 PNG picture: give the PNG picture by itself, "
        "outside the zip."
    )
    nested = as_zip([pictures, pictures], tmp_path / "nested.zip", ["1", "2"])
    with pytest.raises(UnreadableInput, match="holds 2 zip archives: give one of the zip archives by itself"):
        liverseg.read(nested)
    with pytest.raises(UnreadableInput) as refusal:
        liverseg.read(files["a.png"].parent)
    assert str(refusal.value) == (
        "There is no DICOM CT image in the folder; it holds 2 NIfTI images, 1 PNG picture and 1 text file: "
        "give one of these images or archives by itself."
    )
    with pytest.raises(
        UnreadableInput, match="^There is no DICOM CT image in the list; it holds 2 NIfTI images"
    ):
        liverseg.read([files["ct.nii"], files["ct.nii.gz"]])


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "a.png"])
def test_a_list_of_one_file_is_that_file(name, files):
    assert liverseg.read([files[name]]).sha256 == liverseg.read(files[name]).sha256


def test_other_images_in_dicom_are_named_before_what_is_beside_them(synthetic_hu, dicom_file, tmp_path):
    (tmp_path / "mr").mkdir()
    (tmp_path / "mr" / "a.txt").write_text("text")
    dicom_file(synthetic_hu(), folder=tmp_path / "mr", Modality="MR")
    with pytest.raises(NotCT, match="MR"):
        liverseg.read(tmp_path / "mr")


@pytest.mark.parametrize(
    "others, skipped, sentence",
    [
        ({}, {}, "it is empty."),
        ({"text file": 2, "empty file": 1}, {}, "it holds 2 text files and 1 empty file."),
        ({"half of an Analyze or NIfTI pair": 2}, {}, "it holds 2 halves of an Analyze or NIfTI pair."),
        ({"DICOM file without an image": 3}, {}, "it holds 3 DICOM files without an image."),
        (
            {"text file": 9, "MetaImage file": 4, "BMP picture": 3, "NIfTI image": 1, "empty file": 1},
            {},
            "it holds 1 NIfTI image, 4 MetaImage files, 9 text files and other files: give one of these "
            "images or archives by itself.",
        ),
        ({}, {folder.LEADS_OUT: 1}, "1 link that leads out of the folder was not followed."),
        (
            {"text file": 1},
            {folder.LEADS_NOWHERE: 5, folder.NOT_OPENED: 1},
            "it holds 1 text file; 5 links lead to files that are not there (git-annex and DataLad fetch "
            "them with get); 1 folder cannot be opened (permission denied).",
        ),
    ],
)
def test_the_sentence_counts_what_is_there(others, skipped, sentence):
    whole = no_ct_sentence("folder", Counter(others), Counter(skipped))
    assert whole == f"There is no DICOM CT image in the folder; {sentence}"


def test_every_reason_to_skip_has_a_sentence_for_one_and_for_several():
    reasons = (folder.LEADS_OUT, folder.LEADS_NOWHERE, folder.NOT_OPENED, folder.NO_FILE)
    for count in (1, 12):
        sentences = skipped_warnings(Counter(dict.fromkeys(reasons, count)))
        assert [sentence.split()[0] for sentence in sentences] == [str(count)] * 4
