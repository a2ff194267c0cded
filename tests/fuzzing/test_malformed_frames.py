"""Enhanced CT with lying functional groups, and series with rescale by slice."""

from __future__ import annotations

import io
import random

import pydicom
import pytest

from fuzzing.malformed_frames import lying_groups, rescale_by_slice
from fuzzing.seeds import SLICES, ct_dataset, dicom_bytes, enhanced


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_groups_differ_from_those_of_the_valid_file_and_can_be_parsed():
    valid = dicom_bytes(enhanced())
    made = [lying_groups(random.Random(k)) for k in range(20)]
    assert made == [lying_groups(random.Random(k)) for k in range(20)]
    assert sum(content != valid for content in made) >= 15 and len(set(made)) >= 15
    keywords = {
        keyword
        for content in made
        for frame in pydicom.dcmread(io.BytesIO(content)).get("PerFrameFunctionalGroupsSequence") or ()
        for keyword in frame.dir()
    }
    assert {"PixelValueTransformationSequence", "CTImageFrameTypeSequence"} <= keywords


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_slices_of_one_series_differ_in_rescale():
    valid = [dicom_bytes(ct_dataset(k, "volume")) for k in range(SLICES)]
    found, changed = set(), 0
    for seed in range(40):
        files = rescale_by_slice(random.Random(seed))
        assert len(files) == SLICES
        if seed < 8:
            assert files == rescale_by_slice(random.Random(seed))
        changed += list(files) != valid
        for content in files:
            dataset = pydicom.dcmread(io.BytesIO(content))
            found |= {("slope", str(dataset.get("RescaleSlope")))}
            found |= {key for key in ("ModalityLUTSequence", "PixelPaddingValue") if key in dataset}
    assert changed >= 30
    assert {("slope", "None"), "ModalityLUTSequence", "PixelPaddingValue"} <= found
