"""Where lesions lie: a point inside each, and the corners of the boxes around it, slice by slice."""

from __future__ import annotations

import numpy as np

from liverseg.analysis.lesions import lesion_volume
from liverseg.analysis.measure import measure
from liverseg.app.state import lesion_places
from tests.liverseg.lesion_scenes import all_labels, decided


def test_every_lesion_has_a_point_of_its_own_label():
    ct, seg = decided()
    for lesion in measure(ct, seg).lesions:
        point = lesion_places.lesion_point(seg, lesion)
        assert all_labels()[point] == 2 and seg.labels[point] == (2 if lesion.likely else 1)


def test_boxes_and_corners_are_those_of_the_numbered_voxels():
    ct, seg = decided()
    lesions = measure(ct, seg).lesions
    places, numbers = lesion_places.lesion_places(seg, lesions), lesion_volume(seg)
    assert [place.id for place in places] == [lesion.id for lesion in lesions]
    assert {place.kind for place in places} == {"likely", "unsure"}
    for place in places:
        ends = [(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(numbers == place.id)]
        assert place.box == tuple(end for pair in ends for end in pair)
        for z, top, right in place.corners:
            rows, columns = np.nonzero(numbers[z] == place.id)
            assert (top, right) == (rows.min(), columns.max() + 1)
        assert [z for z, *_ in place.corners] == np.unique(np.nonzero(numbers == place.id)[0]).tolist()


def test_only_the_first_lesions_are_numbered(monkeypatch):
    ct, seg = decided()
    monkeypatch.setattr(lesion_places, "MOST_NUMBERED", 1)
    assert [place.id for place in lesion_places.lesion_places(seg, measure(ct, seg).lesions)] == [1]
