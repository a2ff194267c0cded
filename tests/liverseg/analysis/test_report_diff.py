"""Differences between two reports."""

from __future__ import annotations

import pytest

from liverseg.analysis.report_diff import parse_report, result_differences, software_differences
from liverseg.errors import InvalidSetting


def test_differences_name_the_key_and_ignore_software():
    before = {"lesions": [{"area": 1.0}], "checkpoint": {"ref": "a", "registry": "x"}, "engine": "torch 1"}
    after = {"lesions": [{"area": 2.0}], "checkpoint": {"ref": "a", "registry": "y"}, "engine": "torch 2"}
    assert result_differences(before, after) == ["lesions.0.area: 1.0, now 2.0"]
    assert software_differences(before, after) == ["engine: torch 1, now torch 2"]
    assert result_differences({"lesions": [1, 2]}, {"lesions": []}) == ["lesions: 2 items, now 0 items"]


def test_rewording_a_warning_is_no_difference_and_another_number_of_them_is():
    before = {"warnings": ["Old words."], "doubts": [{"reason": "edge", "sentence": "Old words."}]}
    after = {"warnings": ["New words."], "doubts": [{"reason": "edge", "sentence": "New words."}]}
    assert result_differences(before, after) == []
    assert result_differences(before, {**after, "warnings": []}) == ["warnings: 1 items, now 0 items"]
    other = {**after, "doubts": [{"reason": "window", "sentence": "New words."}]}
    assert result_differences(before, other) == ["doubts.0.reason: edge, now window"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"\xff", "not JSON"), ("[]", "not a report.json"), ('{"input": {}}', "not a report.json")],
)
def test_anything_but_a_report_is_refused(text, reason):
    with pytest.raises(InvalidSetting, match=reason):
        parse_report(text)


def test_keys_of_lesion_decisions_are_no_difference_to_an_older_report():
    after = {"lesions": [{"id": 1, "likely": True, "lesion_probability": None}], "unsure": {"count": 0}}
    assert result_differences({"lesions": [{"id": 1}]}, after) == []
    before = {**after, "unsure": {"count": 2}}
    assert result_differences(before, after) == ["unsure.count: 2, now 0"]
