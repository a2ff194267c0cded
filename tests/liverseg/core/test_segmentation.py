"""Segmentations at another tumour threshold."""

from __future__ import annotations

import numpy as np

from liverseg.core.largest_component import NOTHING_REMOVED
from liverseg.core.segmentation import SKIPPED_SLICES_WARNING, CheckpointIdentity, Segmentation


def segmentation(**options) -> Segmentation:
    """A liver in slices 0 to 3 with a tumour of probability 0.6, and a separate tumour of probability 0.4."""
    organ, tumour = np.zeros((2, 8, 10, 10), np.float16)
    organ[:4, 2:8, 2:8] = 0.9
    tumour[1, 3:5, 3:5] = 0.6
    tumour[6, 0, 0] = organ[6, 0, 0] = 0.4
    identity = CheckpointIdentity("a@1", "0" * 64, "bundled")
    return Segmentation(np.zeros(organ.shape, np.uint8), tumour, organ, 0.5, identity, "torch", **options)


def test_the_rule_for_volumes_is_applied_at_the_new_threshold():
    before = segmentation(removed=NOTHING_REMOVED)
    at_07, at_03 = before.at_threshold(0.7), before.at_threshold(0.3)
    assert not (at_07.labels == 2).any() and at_07.removed == NOTHING_REMOVED
    assert (at_03.labels == 2).sum() == 4 and at_03.labels[6, 0, 0] == 0
    assert (at_03.removed.bodies, at_03.removed.tumour) == (1, 1)
    assert at_03.threshold == 0.3 and before.threshold == 0.5


def test_without_the_rule_every_body_stays():
    assert segmentation().at_threshold(0.3).labels[6, 0, 0] == 2


def test_skipped_slices_beside_the_liver_give_a_warning():
    beside = segmentation(removed=NOTHING_REMOVED, skipped=((4, 5),))
    warned = beside.at_threshold(0.7)
    assert warned.warnings == (SKIPPED_SLICES_WARNING,)
    assert warned.at_threshold(0.6).warnings == (SKIPPED_SLICES_WARNING,), "the warning is not repeated"
    apart = segmentation(removed=NOTHING_REMOVED, skipped=((5, 5),))
    assert apart.at_threshold(0.7).warnings == ()
