"""The prediction buffer."""

from __future__ import annotations

import numpy as np

from liverseg.core.labels import LIVER, TUMOUR
from liverseg.inference.prediction import PredictionBuffer


def test_labels_follow_from_the_stored_probabilities():
    buffer = PredictionBuffer((3, 1, 4), threshold=0.4)
    liver, tumour = np.array([[0.1, 0.6, 0.2, 0.4]]), np.array([[0.1, 0.1, 0.5, 0.15]])
    buffer.store(1, liver.astype(np.float32), tumour.astype(np.float32))
    assert buffer.labels[1].tolist() == [[0, LIVER, TUMOUR, LIVER]]
    assert buffer.organ.dtype == np.float16
    assert np.abs(buffer.organ[1] - (liver + tumour)).max() < 0.00025
    assert not buffer.labels[[0, 2]].any() and not buffer.tumour[[0, 2]].any()


def test_the_time_of_the_network_is_added_up():
    buffer = PredictionBuffer((1, 1, 1), threshold=0.5)
    batches = [np.zeros((1, 3, 1, 1)), np.ones((1, 3, 1, 1))]
    assert [float(one.sum()) for one in buffer.timed_each(iter(batches))] == [0, 3]
    before = buffer.network_s
    assert buffer.timed(lambda hu: hu + 1)(np.zeros(1)).tolist() == [1]
    assert buffer.network_s > before > 0
