"""Doubts about single lesions: one slice, and the density of gas, fat and bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.analysis.measure import measure
from liverseg.analysis.plausibility.lesion_checks import NAMED_LESIONS, lesion_doubts
from liverseg.core.lesion_model import LesionModel
from tests.liverseg.analysis.scenes import segmentation
from tests.liverseg.lesion_scenes import MODEL, all_labels, ct_of_scan, decided

EVERY_LESION = LesionModel(9.0, MODEL.terms, 0.5)  # each is likely


def with_density(hu: float, lowest: float = -1000.0):
    """The scan whose first lesion, in two slices, has a mean of `hu`; air is `lowest`."""
    ct, seg = decided()
    values = ct.hu.copy()
    values[0, 0, 0] = lowest
    values[1:3, 20:26, 10:16] = hu
    return replace(ct, hu=values), seg


def reasons(ct, seg) -> list[str]:
    return [doubt.reason for doubt in lesion_doubts(ct, measure(ct, seg).lesions)]


@pytest.mark.parametrize(
    ("hu", "lowest", "expected"),
    [
        (-800.0, -1000.0, ["gas lesion"]), (-201.0, -1000.0, ["gas lesion"]),
        (-199.0, -1000.0, ["fat lesion"]), (-31.0, -1000.0, ["fat lesion"]),
        (-29.0, -1000.0, []), (60.0, -1000.0, []), (249.0, -1000.0, []), (251.0, -1000.0, ["bone lesion"]),
        (-160.0, -160.0, ["fat or gas lesion"]),  # the lowest HU of the window 40/400
        (-15.0, -15.0, []),  # the lowest HU of the window 60/150: nothing is known below
    ],
)  # fmt: skip
def test_a_density_is_doubted_as_far_as_the_grey_values_show_it(hu, lowest, expected):
    ct, seg = with_density(hu, lowest)
    ct = replace(ct, hu=np.maximum(ct.hu, lowest))
    assert reasons(ct, seg) == expected


def test_a_lesion_in_one_slice_is_doubted_only_if_it_is_likely():
    ct, seg = decided()
    assert reasons(ct, seg) == []  # the lesion in one slice is unsure
    ct, seg = decided(model=EVERY_LESION)
    report = measure(ct, seg)
    (warning,) = [sentence for sentence in report.warnings if "one slice" in sentence]
    assert warning == ("Check: Lesion 2 is seen in one slice only. Compare with the slices above and below.")
    assert "one-slice lesion" in [doubt.reason for doubt in report.doubts]


def test_many_lesions_are_named_in_part():
    lesion = measure(*decided()).lesions[0]
    several = [replace(lesion, id=k, slice_range=(1, 1)) for k in range(1, NAMED_LESIONS + 4)]
    (doubt,) = lesion_doubts(ct_of_scan(), several)
    assert doubt.sentence.startswith("Lesions 1, 2, 3, 4, 5, 6, 7, 8 and 3 more are seen in one slice")
    (doubt,) = lesion_doubts(ct_of_scan(), several[:3])
    assert doubt.sentence.startswith("Lesions 1, 2 and 3 are seen")
    assert lesion_doubts(replace(ct_of_scan(all_labels()[1:2]), kind="slice"), several) == []


def test_without_a_lesion_model_lesions_are_not_doubted():
    report = measure(ct_of_scan(), segmentation(all_labels()))
    assert not any("lesion" in doubt.reason for doubt in report.doubts)


def test_another_threshold_than_that_of_the_model_is_a_warning():
    ct, seg = decided(model=replace(MODEL, threshold=0.5))
    assert not any("were fitted" in sentence for sentence in measure(ct, seg).warnings)
    (warning,) = [s for s in measure(ct, seg.at_threshold(0.6)).warnings if "were fitted" in s]
    assert "at the tumour threshold 0.50. At 0.60" in warning
    entry = {"intercept": 0, "terms": [], "cut": 0.5}
    assert LesionModel.from_dict(entry).threshold is None
    assert LesionModel.from_dict({**entry, "threshold": 0.3}).threshold == 0.3
