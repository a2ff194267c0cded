"""DICOM files are split into elements and encoded again without loss."""

from __future__ import annotations

import io

import pydicom

from fuzzing.dicom_elements import encode_file, split
from fuzzing.seeds import ct_dataset, dicom_bytes


def test_splitting_and_encoding_give_the_same_file():
    data = dicom_bytes(ct_dataset())
    head, elements = split(data)
    assert encode_file(head, elements) == data
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert [tag for tag, _, _ in elements] == [element.tag for element in dataset]
    assert [vr.decode() for _, vr, _ in elements] == [element.VR for element in dataset]
