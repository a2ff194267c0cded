"""Rejected lesions: labels and numbers from definitions, and what follows them to other thresholds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.core.labels import LIVER, TUMOUR, labels_of_volume
from liverseg.core.lesion_candidates import FAINT, LIKELY, NO_RULES, UNSURE, LesionRules
from liverseg.core.lesion_model import LesionModel, Term
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.slicing import single_slice_segmentation
from liverseg.errors import InvalidSetting

BOX = np.ones((3, 3, 3), bool)  # 26-connected
WHO = CheckpointIdentity("a@1", "0" * 64, "bundled")
SEEDED = LesionRules(0.55, LesionModel(0.0, (Term("mean_probability", "none", 0.6, 1.0, 8.0),), 0.5), 0.5)
few = settings(deadline=None, max_examples=50)


def segmentation(tumour: np.ndarray, threshold: float = 0.5, rules: LesionRules = NO_RULES) -> Segmentation:
    """Liver everywhere, with the given tumour probability (S, H, W)."""
    organ = np.ones_like(tumour)
    labels = labels_of_volume(organ, tumour, threshold)
    return Segmentation(labels, tumour, organ, threshold, WHO, "none").with_lesions(rules)


def line(*values: float) -> np.ndarray:
    """(1, 3, n) float32: the values in the middle row."""
    tumour = np.zeros((1, 3, len(values)), np.float32)
    tumour[0, 1] = values
    return tumour


@st.composite
def scans(draw):
    """A tumour probability (S, H, W) with many candidates, rules, and a share of lesions to reject."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 10)), draw(st.integers(3, 10)))
    tumour = np.where(rng.random(shape) < draw(st.floats(0.05, 0.5)), rng.random(shape), 0).astype(np.float32)
    seg = segmentation(tumour, draw(st.sampled_from([0.3, 0.5])), draw(st.sampled_from([NO_RULES, SEEDED])))
    share = draw(st.floats(0, 1))
    return seg, lambda count: [k for k in range(1, count + 1) if rng.random() < share]


def numbered(seg: Segmentation) -> tuple[np.ndarray, np.ndarray]:
    """The lesion number of each voxel, 0 for none, and the status of each lesion, by ranking components."""
    components, count = ndimage.label(seg.tumour_probability >= np.float32(seg.threshold), BOX)
    if seg.candidates is None:
        status = np.full(count, LIKELY)
    else:
        numbers = np.stack([seg.candidates.components.numbers(z) for z in range(len(components))])
        status = np.array([seg.candidates.status[numbers[components == k + 1][0]] for k in range(count)], int)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    order = [k for k in sorted(range(count), key=lambda k: (-status[k], -sizes[k], k)) if status[k] != FAINT]
    numbers = np.zeros(components.shape, int)
    for number, k in enumerate(order, start=1):
        numbers[components == k + 1] = number
    return numbers, status[order]


@few
@given(scans())
def test_rejected_lesions_are_liver_and_nothing_else_changes(made):
    seg, choose = made
    numbers, status = numbered(seg)
    chosen = choose(len(status))
    edited = seg.with_rejected(chosen)
    expected = np.where(np.isin(numbers, chosen) & (numbers > 0), LIVER, seg.labels)
    np.testing.assert_array_equal(edited.labels, expected)
    assert edited.rejected == tuple(chosen)
    if chosen:
        left = [k for k in range(len(status)) if k + 1 not in chosen]
        for one in (UNSURE, LIKELY):
            mine = [k + 1 for k in left if status[k] == one]
            assert edited.candidates.count(one) == len(mine)
            assert edited.candidates.voxels(one) == np.isin(numbers, mine).sum()
        shown = np.stack([edited.labels_with_unsure(z) for z in range(len(numbers))])
        unsure = [k + 1 for k in left if status[k] == UNSURE]
        np.testing.assert_array_equal(shown == 3, np.isin(numbers, unsure))
    restored = edited.with_rejected([])
    np.testing.assert_array_equal(restored.labels, seg.labels)
    assert restored.rejected == () and restored.rejections is None
    assert (restored.candidates is None) == (seg.candidates is None)
    assert numbered(edited.with_rejected(choose(len(status))))[1].tolist() == status.tolist()


@few
@given(scans(), st.sampled_from([0.2, 0.4, 0.6, 0.8]))
def test_rejections_follow_their_voxels_and_return_with_the_threshold(made, threshold):
    seg, choose = made
    numbers, status = numbered(seg)
    chosen = choose(len(status))
    edited = seg.with_rejected(chosen)
    moved, plain = edited.at_threshold(threshold), seg.at_threshold(threshold)
    there, _ = numbered(plain)
    was_rejected, was_kept = (
        np.isin(numbers, chosen) & (numbers > 0),
        (numbers > 0) & ~np.isin(numbers, chosen),
    )
    expected = tuple(
        k
        for k in range(1, there.max() + 1)
        if was_rejected[there == k].mean() > 0.5 and not was_kept[there == k].any()
    )
    assert moved.rejected == expected
    np.testing.assert_array_equal(
        moved.labels, np.where(np.isin(there, expected) & (there > 0), LIVER, plain.labels)
    )
    if chosen:
        counting = (there > 0) & ~np.isin(there, expected)
        assert moved.rejections.lapsed == sum(counting[numbers == k].any() for k in chosen)
        assert moved.rejections.gone == sum(not there[numbers == k].any() for k in chosen)
    back = moved.at_threshold(seg.threshold)
    np.testing.assert_array_equal(back.labels, edited.labels)
    assert back.rejected == edited.rejected


def test_a_rejection_never_takes_away_a_lesion_that_was_kept():
    seg = segmentation(line(0, 0.9, 0.9, 0.9, 0.4, 0.8, 0))  # at 0.3 both are one lesion, mostly the first
    merged = seg.with_rejected([1]).at_threshold(0.3)
    assert (merged.labels == TUMOUR).sum() == 5
    assert merged.rejected == () and (merged.rejections.lapsed, merged.rejections.gone) == (1, 0)
    both = seg.with_rejected([1, 2]).at_threshold(0.3)
    assert both.rejected == (1,) and not (both.labels == TUMOUR).any()


def test_a_rejection_lapses_where_the_lesion_becomes_mostly_new_and_not_before():
    seg = segmentation(line(0, 0.9, 0.9, 0.4, 0.3, 0.3, 0)).with_rejected([1])
    assert seg.at_threshold(0.35).rejected == (1,)  # 2 of its 3 voxels
    assert seg.at_threshold(0.25).rejected == ()  # 2 of its 5 voxels
    assert seg.at_threshold(0.95).rejections.gone == 1 and seg.at_threshold(0.95).rejected == ()


def test_another_cut_renumbers_lesions_and_keeps_the_same_ones_rejected():
    seg = segmentation(
        line(0.9, 0, 0.6, 0.6, 0, 0.55, 0.55, 0.55), rules=SEEDED
    )  # the larger ones are unsure
    assert seg.candidates.count(LIKELY) == 2
    edited = seg.with_rejected([1])  # the two voxels of 0.6
    strict = edited.at_threshold(0.5, 0.7)  # now only the voxel of 0.9 is likely
    assert edited.labels[0, 1].tolist() == [2, 1, 1, 1, 1, 1, 1, 1]
    assert strict.rejected == (3,) and strict.labels[0, 1].tolist() == [2, 1, 1, 1, 1, 1, 1, 1]
    assert strict.labels_with_unsure(0)[1].tolist() == [2, 1, 1, 1, 1, 3, 3, 3]
    assert strict.at_threshold(0.5, 0.5).rejected == (1,)


def test_a_new_rejection_replaces_the_earlier_ones():
    seg = segmentation(line(0.9, 0, 0.9, 0.9, 0))
    assert seg.with_rejected([1]).with_rejected([2]).rejected == (2,)
    assert seg.with_rejected([]) is seg


def test_a_slice_of_an_edited_volume_has_the_same_lesions_rejected():
    tumour = np.zeros((3, 5, 8), np.float32)
    tumour[0:3, 1, 1] = tumour[1, 3:5, 4:7] = 0.9
    edited = segmentation(tumour).with_rejected([1])  # six voxels in one slice
    alone = single_slice_segmentation(edited, 1)
    np.testing.assert_array_equal(alone.labels, edited.labels[1:2])
    assert (alone.labels == TUMOUR).sum() == 1 and alone.rejected == (1,)
    assert single_slice_segmentation(edited, 0).rejected == ()


def test_an_edited_segmentation_can_be_sent_to_another_process():
    edited = segmentation(line(0.9, 0, 0.9, 0.9, 0.4)).with_rejected([1])
    again = pickle.loads(pickle.dumps(edited))
    assert again.rejected == (1,) and again.at_threshold(0.3).rejected == edited.at_threshold(
        0.3
    ).rejected == (1,)


@pytest.mark.parametrize(
    ("tumour", "number", "sentence"),
    [
        (line(0.9, 0, 0.9), 3, "There is no lesion 3: the lesions have the numbers 1 to 2."),
        (line(0.9, 0, 0), 0, "There is no lesion 0: the only one is lesion 1."),
        (line(0, 0, 0), 1, "There is no lesion 1: the result has no lesions."),
    ],
)
def test_a_number_without_a_lesion_is_refused(tumour, number, sentence):
    with pytest.raises(InvalidSetting) as refusal:
        segmentation(tumour).with_rejected([number])
    assert str(refusal.value) == sentence
