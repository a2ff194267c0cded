"""What is known of a slice without its pixels."""

from __future__ import annotations

import pickle

import cv2
import numpy as np

from train.data.dataset import TUMOUR_BIT
from train.sampling.slice_facts import POINTS, facts_of


def test_the_facts_are_those_of_the_slice(discs):
    slices = discs.load("train")
    facts = facts_of(slices)
    assert len(facts) == len(slices.rows)
    for position, (one, bits) in enumerate(zip(facts, slices.labels, strict=True)):
        organ = one.organ.pixels()
        assert one.organ.shape == bits.shape and one.shows_organ == bool(slices.shows_organ[position])
        assert organ.size == min(POINTS, np.count_nonzero(bits & ~np.uint8(1))) == len(set(organ.tolist()))
        assert (bits.ravel()[organ] != 1).all()
        if not one.shows_organ:
            assert one.centres.size == one.edge_centres.size == 0
            continue
        liver = bits == 2
        greys = np.asarray(slices.greys[position])[liver]
        assert one.liver_hu == np.median(slices.intensity.to_hu(greys))
        depth_px = cv2.distanceTransform(liver.astype(np.uint8), cv2.DIST_L2, 3).ravel()
        assert (depth_px[one.centres] > 2).all()
        assert (depth_px[one.edge_centres] < 5).all() and one.edge_centres.size
        assert not (bits.ravel()[one.centres] == TUMOUR_BIT).any()


def test_facts_reach_loader_processes(discs):
    (fact, *_) = facts_of(discs.load("val"))[1:]
    again = pickle.loads(pickle.dumps(fact))
    assert np.array_equal(again.organ.pixels(), fact.organ.pixels())
