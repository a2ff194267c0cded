"""When not to believe a result: rules, likeness, and where the doubts are told."""

import dataclasses

import numpy as np
import pytest

from liverseg import phantom
from liverseg.analysis.measure import measure
from liverseg.analysis.plausibility.checks import doubts, looked_at
from liverseg.analysis.plausibility.ct_likeness import GOOD, Likeness, likeness, squared
from liverseg.analysis.plausibility.features import anatomy, body_of, small_unit
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST
from liverseg.analysis.plausibility.orientation_check import MIRROR, TURNS, turning
from liverseg.analysis.plausibility.window_check import other_window
from liverseg.app.html.results import NO_DOUBTS, doubts_section
from liverseg.cli.output import report_summary
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.window import Window, from_unit, to_grey
from liverseg.io.read import from_array

WHO = CheckpointIdentity("a@1.0", "0" * 64, "x")


def segmented(hu: np.ndarray, organ: np.ndarray, spacing_mm=(5.0, 0.8, 0.8)):
    """An image and a segmentation of it as sure as can be; both (S, H, W)."""
    p = organ.astype(np.float32)
    seg = Segmentation(organ.astype(np.uint8), np.zeros_like(p), p, 0.5, WHO, "torch")
    return from_array(hu, spacing_mm), seg


@pytest.fixture(scope="module")
def good():
    """Two phantom slices, each with its true liver as if a network had found it."""
    made = [phantom.make(seed=seed, size=256) for seed in (4, 9)]
    return [(one.hu, one.labels > 0) for one in made]


def reasons(hu, organ, **more) -> set[str]:
    return {doubt.reason for doubt in doubts(*segmented(hu, organ, **more))}


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
def test_turned_and_mirrored_slices_are_told(good, change, expected):
    for hu, organ in good:
        turned = np.ascontiguousarray(change(hu)), np.ascontiguousarray(change(organ))
        assert reasons(*turned) & expected


def test_values_that_are_no_hu_and_pictures_that_are_no_ct_are_told(good):
    hu, organ = good[0]
    assert reasons(hu + 1024, organ) & {"not_hu", "not_ct"}
    rng = np.random.default_rng(0)
    assert reasons(rng.uniform(-200, 300, hu.shape), organ)


@pytest.mark.parametrize("seed", [4, 9, 14])  # the last is the page's own example, of a lean patient
def test_a_picture_of_another_window_is_told_by_its_fat_and_one_of_the_right_window_is_not(seed):
    usual, liver, wide = Window(40, 400), Window(60, 200), Window(40, 1500)
    hu = phantom.make(seed=seed, size=256).hu[0]
    for made_with in (usual, liver):
        unit = to_grey(hu, made_with) / np.float32(255)
        for assumed in (usual, liver):
            assert other_window(from_unit(unit, assumed), assumed) == (assumed != made_with)
        assert not other_window(from_unit(unit, wide), wide), "too wide for fat to be told"


def test_no_liver_small_pixels_edges_and_thick_slices_have_rules(good):
    hu, organ = good[0]
    nothing = np.zeros_like(organ)
    told = doubts(*segmented(hu, nothing))
    assert told[0].severity == DO_NOT_TRUST and told[0].reason == "no liver"
    assert told[0].warning.startswith("Do not trust this result: No liver was found")
    assert "pixels" in reasons(hu, organ, spacing_mm=(5.0, 3.0, 3.0))
    assert "small" in reasons(hu[:, ::2, ::2], organ[:, ::2, ::2], spacing_mm=None)
    columns = np.flatnonzero(organ[0].any(axis=0))
    cut = (columns[0] + columns[-1]) // 2
    assert "edge" in reasons(hu[:, :, cut:], organ[:, :, cut:])
    volume, whole = np.repeat(hu, 3, axis=0), np.repeat(organ, 3, axis=0)
    assert reasons(volume, whole) == set()
    assert reasons(volume, whole, spacing_mm=(10.0, 0.8, 0.8)) == {"thickness"}
    assert reasons(volume, np.zeros_like(whole)) >= {"no liver in volume"}


def test_a_network_that_is_not_sure_is_told(good):
    hu, organ = good[0]
    ct, seg = segmented(hu, organ)
    unsure = dataclasses.replace(seg, organ_probability=np.where(organ, 0.55, 0.3).astype(np.float32))
    (told,) = (doubt for doubt in doubts(ct, unsure) if doubt.reason == "confidence")
    assert told.severity == CHECK and "0.55" in told.sentence


def test_the_slices_that_are_looked_at_show_liver_and_are_few():
    labels = np.zeros((100, 4, 4), np.uint8)
    labels[40:80] = 1
    found = looked_at(labels)
    assert len(found) == 9 and found[0] == 40 and found[-1] == 79
    assert len(looked_at(np.zeros((100, 4, 4), np.uint8))) == 9


@pytest.mark.parametrize("hu", [np.full((64, 64), -1000.0), np.full((64, 64), 60.0), np.eye(64) * 3000])
def test_every_picture_has_finite_numbers(hu):
    unit = small_unit(hu)
    found = anatomy(unit)
    assert set(likeness().features) <= set(found) and np.isfinite(list(found.values())).all()
    shares = likeness().of(found)
    assert sum(shares.values()) == pytest.approx(1) and GOOD in shares


def test_the_body_is_found_without_its_holes():
    unit = np.zeros((64, 64), np.float32)
    unit[10:50, 12:52] = 0.5
    unit[20:30, 30:40] = 0
    assert body_of(unit).sum() == pytest.approx(40 * 40, rel=0.02)


def test_doubts_reach_the_report_the_page_and_the_command_line(good):
    hu, organ = good[0]
    report = measure(*segmented(np.ascontiguousarray(hu[:, ::-1]), np.ascontiguousarray(organ[:, ::-1])))
    assert report.doubts and report.warnings[0] == report.doubts[0].warning
    assert report.to_dict()["doubts"][0]["severity"] in (DO_NOT_TRUST, CHECK)
    page = doubts_section(report)
    assert all(doubt.sentence in page for doubt in report.doubts) and "data-severity" in page
    assert f"note        {report.warnings[0]}" in report_summary(report)
    assert NO_DOUBTS in doubts_section(measure(*segmented(hu, organ)))


def test_the_likeness_reads_what_was_written():
    model = likeness()
    assert isinstance(model, Likeness) and 0 < model.least < 1
    squares = squared(model.features).sum()
    assert model.weights.shape == (len(model.features) + squares + 1, len(model.kinds))


@pytest.mark.parametrize("name", sorted(TURNS))
def test_a_slice_looks_better_than_its_turned_copies(good, name):
    for hu, _ in good:
        unit = small_unit(hu[0])
        assert max(turning().beyond(unit)) < 0
        turned, mirrored = turning().beyond(np.ascontiguousarray(TURNS[name](unit)))
        if name == MIRROR:  # one mirror image in five lies within the margin
            assert mirrored > turning().beyond(unit)[1]
        else:
            assert turned > 0


def test_which_way_up_an_empty_picture_lies_is_not_told():
    assert max(turning().beyond(np.zeros((128, 90), np.float32))) <= 0
