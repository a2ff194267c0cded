"""Attributes that DICOM results share: no patient, reproducible UIDs and dates."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from liverseg.analysis.measure import measure
from liverseg.io.dicom.export_common import EMPTY_KEYWORDS, derived_uid, set_dates
from liverseg.io.dicom.rtstruct import rtstruct_bytes
from liverseg.io.dicom.sc import sc_bytes
from liverseg.io.dicom.seg import seg_bytes
from liverseg.io.dicom.sr import sr_bytes


def _sr(ct, seg):
    return sr_bytes(ct, seg, measure(ct, seg))


def _sc(ct, seg):
    return next(sc_bytes(ct, seg, measure(ct, seg)))[1]


@pytest.mark.parametrize("encode", [seg_bytes, rtstruct_bytes, _sr, _sc])
def test_patient_and_study_attributes_are_present_and_empty(encode, build):
    scene = build()
    dataset = pydicom.dcmread(io.BytesIO(encode(scene.ct, scene.seg)))
    assert all(not dataset[keyword].value for keyword in EMPTY_KEYWORDS)
    groups = {keyword_for_tag(element.tag) for element in dataset if element.tag.group == 0x0010}
    assert groups == {"PatientName", "PatientID", "PatientBirthDate", "PatientSex"}
    assert tag_for_keyword("InstitutionName") not in dataset
    assert not [element for element in dataset.iterall() if element.tag.is_private]


def test_a_uid_depends_on_role_images_labels_and_weights(build):
    scene = build()
    slices, seg = scene.ct.source, scene.seg
    uid = derived_uid("SEG", slices, seg)
    assert derived_uid("SEG", slices, replace(seg, labels=seg.labels.copy())) == uid
    other_weights = replace(seg.checkpoint, sha256="0" * 64)
    others = {
        derived_uid("RTSTRUCT", slices, seg),
        derived_uid("SEG", slices[::-1], seg),
        derived_uid("SEG", slices, replace(seg, labels=np.zeros_like(seg.labels))),
        derived_uid("SEG", slices, replace(seg, checkpoint=other_weights)),
    }
    assert uid.is_valid and len(others | {uid}) == 5


def test_dates_follow_source_date_epoch_and_absent_ones_stay_absent(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    dataset = pydicom.Dataset()
    dataset.ContentDate, dataset.ContentTime = "20200101", "123456"
    set_dates(dataset, ("ContentDate", "SeriesDate"))
    assert (dataset.ContentDate, dataset.ContentTime) == ("19700102", "000000")
    assert "SeriesDate" not in dataset and "SeriesTime" not in dataset
