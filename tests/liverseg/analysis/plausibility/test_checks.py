"""The doubts that inputs and results raise."""

import dataclasses

import numpy as np
import pytest

from liverseg.analysis.plausibility.checks import find_doubts, sampled_slices
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST
from tests.liverseg.analysis.plausibility.scenes import certain_segmentation


def reasons(hu, organ, **more) -> set[str]:
    return {doubt.reason for doubt in find_doubts(*certain_segmentation(hu, organ, **more))}


def test_good_slices_raise_no_doubt(good):
    for hu, organ in good:
        assert reasons(hu, organ) == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: a[:, ::-1], {"turned"}),
        (lambda a: np.rot90(a, axes=(1, 2)), {"turned"}),
        (lambda a: np.rot90(a, 3, axes=(1, 2)), {"turned"}),
        (lambda a: a[:, :, ::-1], {"mirrored"}),
    ],
)
def test_turned_and_mirrored_slices_raise_doubts(good, change, expected):
    for hu, organ in good:
        turned = np.ascontiguousarray(change(hu)), np.ascontiguousarray(change(organ))
        assert reasons(*turned) & expected


def test_values_other_than_hu_and_noise_raise_doubts(good):
    hu, organ = good[0]
    assert reasons(hu + 1024, organ) & {"not_hu", "not_ct"}
    rng = np.random.default_rng(0)
    assert reasons(rng.uniform(-200, 300, hu.shape), organ)


def test_missing_liver_pixel_size_edges_and_thick_slices_raise_doubts(good):
    hu, organ = good[0]
    nothing = np.zeros_like(organ)
    doubts = find_doubts(*certain_segmentation(hu, nothing))
    assert doubts[0].severity == DO_NOT_TRUST and doubts[0].reason == "no liver"
    assert doubts[0].warning.startswith("Do not trust this result: No liver was found")
    assert "pixels" in reasons(hu, organ, spacing_mm=(5.0, 3.0, 3.0))
    assert "small" in reasons(hu[:, ::2, ::2], organ[:, ::2, ::2], spacing_mm=None)
    columns = np.flatnonzero(organ[0].any(axis=0))
    cut = (columns[0] + columns[-1]) // 2
    assert "edge" in reasons(hu[:, :, cut:], organ[:, :, cut:])
    volume, whole = np.repeat(hu, 3, axis=0), np.repeat(organ, 3, axis=0)
    assert reasons(volume, whole) == set()
    assert reasons(volume, whole, spacing_mm=(10.0, 0.8, 0.8)) == {"thickness"}
    assert reasons(volume, np.zeros_like(whole)) >= {"no liver in volume"}


def test_low_confidence_raises_a_doubt(good):
    hu, organ = good[0]
    ct, seg = certain_segmentation(hu, organ)
    unsure = dataclasses.replace(seg, organ_probability=np.where(organ, 0.55, 0.3).astype(np.float32))
    (confidence,) = (doubt for doubt in find_doubts(ct, unsure) if doubt.reason == "confidence")
    assert confidence.severity == CHECK and "0.55" in confidence.sentence


def test_sampled_slices_show_liver_and_are_few():
    labels = np.zeros((100, 4, 4), np.uint8)
    labels[40:80] = 1
    found = sampled_slices(labels)
    assert len(found) == 9 and found[0] == 40 and found[-1] == 79
    assert len(sampled_slices(np.zeros((100, 4, 4), np.uint8))) == 9
