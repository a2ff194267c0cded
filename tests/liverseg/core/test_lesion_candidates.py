"""Candidate lesions: their features by direct definitions, and the decisions about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR, labels_of_volume
from liverseg.core.largest_component import NOTHING_REMOVED, keep_largest_body
from liverseg.core.lesion_candidates import (
    FAINT,
    LIKELY,
    NO_RULES,
    UNSURE,
    LesionRules,
    candidate_features,
    candidate_mask,
    decide_lesions,
)
from liverseg.core.lesion_model import FEATURES, LesionModel, Term
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.slicing import single_slice_segmentation
from liverseg.errors import InvalidSetting

BOX = np.ones((3, 3, 3), bool)  # 26-connected; 8-connected in a single slice
few = settings(deadline=None, max_examples=60)
dtypes = st.sampled_from([np.float16, np.float32])


def model(cut: float = 0.5) -> LesionModel:
    """Lesion probability: the sigmoid of 8 · (mean probability - 0.6)."""
    return LesionModel(0.0, (Term("mean_probability", "none", 0.6, 1.0, 8.0),), cut)


@st.composite
def predictions(draw, slices: int = 5):
    """Organ and tumour probabilities (S, H, W) with several candidates, and the labels' threshold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, slices)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    tumour = np.where(rng.random(shape) < draw(st.floats(0.05, 0.5)), rng.random(shape), 0)
    organ = np.clip(tumour + rng.random(shape) * draw(st.floats(0.2, 1.5)), 0, 1)
    dtype = draw(dtypes)
    return organ.astype(dtype), tumour.astype(dtype), draw(st.sampled_from([0.2, 0.3, 0.5]))


def labelled(organ, tumour, threshold):
    labels = labels_of_volume(organ, tumour, threshold)
    if len(labels) > 1:
        keep_largest_body(labels)
    return labels


def slow_features(numbers, count, labels, organ, tumour) -> dict[str, np.ndarray]:
    """The features from whole arrays, candidate by candidate."""
    liver = labels > BACKGROUND
    padded = np.pad(liver, ((0, 0), (1, 1), (1, 1)), constant_values=True)  # outside the image: no background
    beside_background = np.stack([ndimage.minimum_filter(p, size=3) for p in padded])[:, 1:-1, 1:-1] == 0
    rows = []
    for n in range(1, count + 1):
        mask = numbers == n
        inner = np.stack([ndimage.binary_erosion(plane, np.ones((3, 3))) for plane in mask])
        edge = mask & ~inner
        in_slices = mask.any(axis=(1, 2)).sum()
        extents = [np.ptp(index) + 1 for index in np.nonzero(mask)]
        rows.append(
            {
                "peak_probability": tumour[mask].max(),
                "mean_probability": tumour[mask].astype(float).mean(),
                "share_of_liver": mask.sum() / liver.sum(),
                "share_of_slices": in_slices / liver.any(axis=(1, 2)).sum(),
                "slices": in_slices,
                "organ_probability": organ[mask].astype(float).mean(),
                "share_of_edge_outside": (edge & beside_background).sum() / edge.sum(),
                "share_of_box": mask.sum() / np.prod(extents),
                "candidates": count,
            }
        )
    return {name: np.array([float(row[name]) for row in rows]) for name in FEATURES}


@few
@given(predictions())
def test_features_match_their_definitions(made):
    organ, tumour, threshold = made
    labels = labelled(organ, tumour, threshold)
    numbers, count = ndimage.label((tumour >= tumour.dtype.type(threshold)) & (labels > 0), BOX)
    components = decide_lesions(labels.copy(), organ, tumour, threshold, NO_RULES).components
    found = candidate_features(components, labels, organ, tumour)
    expected = slow_features(numbers, count, labels, organ, tumour)
    assert list(found) == list(FEATURES) and len(components) == count
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
        assert found[name].dtype == np.float64


@few
@given(predictions())
def test_features_do_not_depend_on_the_decision(made):
    organ, tumour, threshold = made
    labels = labelled(organ, tumour, threshold)
    before = decide_lesions(labels, organ, tumour, threshold, NO_RULES)
    features = candidate_features(before.components, labels, organ, tumour)
    after = decide_lesions(labels, organ, tumour, threshold, LesionRules(0.5, model(), 0.5))
    again = candidate_features(after.components, labels, organ, tumour)
    assert all(np.array_equal(features[name], again[name]) for name in FEATURES)


@few
@given(predictions(), st.floats(0, 1), st.sampled_from([0.0, 0.4, 0.7]), st.booleans())
def test_each_candidate_is_decided_and_labelled_by_the_rules(made, cut, seed, with_model):
    organ, tumour, threshold = made
    rules = LesionRules(seed, model() if with_model else None, cut)
    labels = labelled(organ, tumour, threshold)
    before = labels.copy()
    decided = decide_lesions(labels, organ, tumour, threshold, rules)
    numbers, count = ndimage.label(before == TUMOUR, BOX)
    assert len(decided.components) == count
    expected = before.copy()
    statuses = []
    for n in range(1, count + 1):
        mask = numbers == n
        probability = 1 / (1 + np.exp(-8 * (tumour[mask].astype(float).mean() - 0.6)))
        status = UNSURE if with_model and decided.probability[n - 1] < cut else LIKELY
        status = FAINT if tumour[mask].max() < tumour.dtype.type(seed) else status
        statuses.append(status)
        if with_model:
            assert decided.probability[n - 1] == pytest.approx(probability, rel=1e-6)
        if status != LIKELY:
            expected[mask] = LIVER
    assert decided.status.tolist() == statuses and decided.status.dtype == np.uint8
    assert np.array_equal(labels, expected)
    assert (decided.probability is None) != with_model
    sizes = ndimage.sum_labels(np.ones(labels.shape), numbers, range(1, count + 1))
    for status in (FAINT, UNSURE, LIKELY):
        chosen = np.array(statuses) == status
        assert decided.count(status) == chosen.sum()
        assert decided.voxels(status) == (sizes[chosen].sum() if count else 0)


@few
@given(predictions(), st.floats(0, 1), st.floats(0, 1))
def test_a_second_decision_gives_the_result_of_a_first(made, one, other):
    organ, tumour, threshold = made
    fresh, twice = (labelled(organ, tumour, threshold) for _ in range(2))
    first = decide_lesions(fresh, organ, tumour, threshold, LesionRules(0.4, model(), one))
    decide_lesions(twice, organ, tumour, threshold, LesionRules(0.6, model(), other))
    second = decide_lesions(twice, organ, tumour, threshold, LesionRules(0.4, model(), one))
    assert np.array_equal(fresh, twice)
    assert np.array_equal(first.status, second.status)
    assert np.array_equal(first.probability, second.probability)


def scene(dtype=np.float16, slices: int = 4):
    """A liver with a strong, a weak and a faint candidate, which extend over slices 1 and 2."""
    organ, tumour = np.zeros((2, slices, 16, 20), dtype)
    organ[:, 2:14, 2:18] = 0.9
    for columns, p in ((slice(3, 6), 0.8), (slice(8, 10), 0.5), (slice(13, 16), 0.35)):
        tumour[1:3, 4:7, columns] = p
    return organ, tumour


def segmentation(organ, tumour, rules=NO_RULES, threshold=0.3) -> Segmentation:
    identity = CheckpointIdentity("a@1", "0" * 64, "bundled")
    labels = labelled(organ, tumour, threshold)
    removed = NOTHING_REMOVED if len(labels) > 1 else None
    seg = Segmentation(labels, tumour, organ, threshold, identity, "torch", removed=removed)
    return seg.with_lesions(rules)


RULES = LesionRules(0.4, model(), 0.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("slices", [1, 4])
def test_likely_unsure_and_faint_candidates(dtype, slices):
    organ, tumour = scene(dtype)
    if slices == 1:
        organ, tumour = organ[1:2], tumour[1:2]
    seg = segmentation(organ, tumour, RULES)
    assert seg.candidates.status.tolist() == [LIKELY, UNSURE, FAINT]
    assert sorted(seg.labels[-3 if slices > 1 else 0, 5, [4, 8, 14]].tolist()) == [LIVER, LIVER, TUMOUR]
    assert (seg.labels == TUMOUR).sum() == 9 * min(slices, 2) == seg.candidates.voxels(LIKELY)
    assert seg.lesion_cut == 0.5


def test_without_rules_nothing_is_decided():
    seg = segmentation(*scene())
    assert seg.candidates is None and seg.lesion_cut is None
    assert (seg.labels == TUMOUR).sum() == 2 * 3 * 8


def test_leaving_the_rules_makes_every_candidate_likely_again():
    before, seg = segmentation(*scene()), segmentation(*scene(), RULES)
    freed = seg.with_lesions(NO_RULES)
    assert np.array_equal(freed.labels, before.labels)
    assert freed.candidates.status.tolist() == [LIKELY] * 3 and freed.candidates.probability is None


@few
@given(predictions(), st.floats(0, 1), st.sampled_from([0.25, 0.4, 0.6]))
def test_another_threshold_or_cut_gives_the_result_of_deciding_from_scratch(made, cut, threshold):
    organ, tumour, first = made
    seg = segmentation(organ, tumour, RULES, first)
    moved = seg.at_threshold(threshold, cut)
    fresh = segmentation(organ, tumour, RULES.with_cut(cut), threshold)
    assert np.array_equal(moved.labels, fresh.labels)
    assert np.array_equal(moved.candidates.status, fresh.candidates.status)
    assert np.array_equal(moved.candidates.probability, fresh.candidates.probability)
    assert moved.lesion_cut == cut and seg.lesion_cut == 0.5
    kept = moved.at_threshold(first)
    assert kept.lesion_cut == cut, "the cut stays where only the threshold is moved"


def test_moving_the_threshold_leaves_the_first_result_as_it_was():
    seg = segmentation(*scene(), RULES)
    labels, status = seg.labels.copy(), seg.candidates.status.copy()
    assert (seg.at_threshold(0.3, 0.0).labels == TUMOUR).sum() > (labels == TUMOUR).sum()
    assert np.array_equal(seg.labels, labels) and np.array_equal(seg.candidates.status, status)


@pytest.mark.parametrize("cut", [-0.1, 1.1, float("nan")])
def test_a_cut_outside_its_range_is_refused(cut):
    with pytest.raises(InvalidSetting, match="from 0 to 1"):
        RULES.with_cut(cut)
    with pytest.raises(InvalidSetting, match="no lesion model"):
        segmentation(*scene(), LesionRules(0.4)).at_threshold(0.3, 0.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_peak_at_the_seed_probability_is_not_faint(dtype):
    """Also for values that the type of the probabilities rounds down."""
    for seed in (0.9, 0.7, 0.3):
        organ, tumour = np.zeros((2, 2, 6, 6), dtype)
        organ[:], tumour[0, 2, 2] = 1, seed
        assert segmentation(organ, tumour, LesionRules(seed)).candidates.status.tolist() == [LIKELY]


def test_a_liver_without_candidates_and_an_empty_image():
    for organ in (np.ones((3, 5, 5), np.float16), np.zeros((3, 5, 5), np.float16)):
        tumour = np.zeros_like(organ)
        seg = segmentation(organ, tumour, RULES)
        assert len(seg.candidates.components) == 0 == len(seg.candidates.status)
        assert seg.candidates.probability.shape == (0,)
        assert [seg.candidates.voxels(status) for status in (FAINT, UNSURE, LIKELY)] == [0, 0, 0]
        assert np.array_equal(seg.labels, labelled(organ, tumour, 0.3))


def test_a_slice_of_a_volume_is_decided_alone_and_the_volume_keeps_its_labels():
    organ, tumour = scene()
    tumour[2, 4:7, 8:10] = 0.9  # the weak candidate is strong in the next slice
    seg = segmentation(organ, tumour, RULES)
    labels = seg.labels.copy()
    assert seg.candidates.status.tolist() == [LIKELY, LIKELY, FAINT]
    alone = single_slice_segmentation(seg, 1)
    assert alone.candidates.status.tolist() == [LIKELY, UNSURE, FAINT]
    assert (alone.labels == TUMOUR).sum() == 9 == alone.candidates.voxels(LIKELY)
    assert np.array_equal(seg.labels, labels)
    stronger = single_slice_segmentation(seg, 2)
    assert stronger.candidates.status.tolist() == [LIKELY, LIKELY, FAINT]


def test_a_region_outside_the_kept_body_is_no_candidate():
    organ, tumour = scene()
    tumour[0, 0, 0] = organ[0, 0, 0] = 0.9
    seg = segmentation(organ, tumour, RULES)
    assert len(seg.candidates.components) == 3 and seg.labels[0, 0, 0] == BACKGROUND
    assert not candidate_mask(seg.labels, tumour, 0.3, 0)[0, 0]


def test_a_candidate_in_too_few_slices_is_unsure_whatever_its_probability():
    tumour = np.zeros((3, 16, 16), np.float32)
    tumour[:, 2:5, 2:5] = tumour[1, 10:13, 10:13] = 0.9
    organ = np.ones_like(tumour)
    for least, likely in ((1, 2), (2, 1), (3, 1), (4, 0)):
        labels = labels_of_volume(organ, tumour, 0.5)
        model = LesionModel(5.0, (Term("slices", "log", 0.0, 1.0, 0.0),), 0.3, least_slices=least)
        candidates = decide_lesions(labels, organ, tumour, 0.5, LesionRules(model=model, cut=0.0))
        assert candidates.count(LIKELY) == likely and candidates.count(UNSURE) == 2 - likely
        assert (candidates.probability > 0.99).all()
        assert np.count_nonzero(labels == 2) == {2: 36, 1: 27, 0: 0}[likely]
