"""Slices with equal stored pixels."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.dataset import open_dataset
from liverseg.io.dicom.pixel_comparison import PixelComparison
from liverseg.io.dicom.slices import slices_of

LOSSLESS = [f"1.2.840.10008.1.2.{tail}" for tail in ("5", "4.57", "4.70", "4.80", "4.90")]


@pytest.fixture
def compare(synthetic_hu, dicom_dataset, dicom_bytes):
    """Whether files of the given seeds and elements have equal pixels."""

    def are_same(*files):
        contents = [dicom_bytes(dicom_dataset(synthetic_hu(seed=seed), **tags)) for seed, tags in files]
        loads = []

        def load(file):
            loads.append(file)
            return open_dataset(contents[file])

        one, other = (slices_of(open_dataset(content), k)[0] for k, content in enumerate(contents))
        comparison = PixelComparison(load)
        result = comparison.are_same(one, other)
        assert comparison.are_same(other, one) == result and len(loads) == len(set(loads))
        return result

    return are_same


def test_equal_pixels_are_found_whatever_else_differs(compare):
    assert compare((1, {"SeriesNumber": 1}), (1, {"SeriesNumber": 2, "ImagePositionPatient": [0, 0, 9]}))
    assert not compare((1, {}), (2, {}))


@pytest.mark.parametrize(
    "tags",
    [{"RescaleIntercept": "-1024"}, {"PixelRepresentation": 0}, {"PixelPaddingValue": 0}, {"BitsStored": 12}],
)
def test_equal_bytes_that_mean_other_values_are_not_equal_pixels(tags, compare):
    assert not compare((1, {}), (1, tags))


@pytest.mark.parametrize("error", [UnreadableInput("It is damaged."), ValueError("damaged"), KeyError("x")])
def test_a_file_that_cannot_be_read_equals_nothing(error, synthetic_hu, dicom_dataset):
    def load(file):
        raise error

    slices = [slices_of(dicom_dataset(synthetic_hu()), file)[0] for file in (0, 1)]
    assert not PixelComparison(load).are_same(*slices)


def test_an_input_that_does_not_answer_is_an_error(synthetic_hu, dicom_dataset):
    def load(file):
        raise TimeoutError

    slices = [slices_of(dicom_dataset(synthetic_hu()), file)[0] for file in (0, 1)]
    with pytest.raises(TimeoutError):
        PixelComparison(load).are_same(*slices)


@pytest.mark.parametrize("other", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", *LOSSLESS])
@pytest.mark.parametrize("first", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"])
def test_copies_in_several_encodings_are_equal(first, other, synthetic_hu, dicom_dataset, dicom_bytes):
    def dataset(syntax, seed=0):
        stored = (synthetic_hu(seed=seed) + 1024).astype(np.uint16)
        return open_dataset(dicom_bytes(dicom_dataset(stored, syntax, 12, RescaleIntercept="-1024")))

    files = [dataset(first), dataset(other), dataset(other, seed=1)]
    one, same, different = (slices_of(file, k)[0] for k, file in enumerate(files))
    comparison = PixelComparison(lambda file: files[file])
    assert comparison.are_same(one, same) and not comparison.are_same(one, different)
    assert not comparison.are_same(same, different)
