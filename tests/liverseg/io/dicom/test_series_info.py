"""The description of a series in one line, without text that could identify the patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from liverseg.io.dicom.series_info import SeriesInfo, known_kernel

INFO = SeriesInfo(2, None, "", (1, 512, 512), (None, 0.7, 0.7), 5.0, "axial", None, False)


def test_a_lone_slice_has_a_thickness_and_no_distance():
    assert INFO.label() == "1 axial slice, 512 × 512 of 0.7 × 0.7 mm, 5 mm thick"
    assert replace(INFO, spacing_mm=None, plane="unknown").label() == "1 slice, 512 × 512"


def test_the_line_has_the_number_the_part_and_the_refusal():
    info = replace(INFO, part="phase 2 of 3", refusal="A slice is missing.")
    assert info.line() == f"2: {INFO.label()}, phase 2 of 3 (cannot be read: A slice is missing)"


@pytest.mark.parametrize("name", ["B30f", "FC13-H", "BONEPLUS", "HD LUNG", "YA", "IMR1", r"Br40d\3"])
def test_kernels_of_the_vendors_are_known(name):
    assert known_kernel(f" {name} ") == name


@pytest.mark.parametrize("text", ["", None, "MUSTERMANN", "B30f Jane Doe", ["Br40d", "Jane"]])
def test_other_text_is_not_a_kernel(text):
    assert known_kernel(text) is None


def test_a_kernel_of_two_values_is_joined():
    assert known_kernel(["Br40d", "3"]) == r"Br40d\3"
