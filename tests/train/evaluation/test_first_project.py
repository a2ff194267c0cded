"""Scores by the protocol of the first project."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.evaluation.first_project import first_project_scores


def test_classes_are_scored_from_the_summed_confusion_matrix(scores):
    confusions = [
        np.array([[90, 4, 0], [6, 30, 2], [0, 5, 13]]),
        np.array([[50, 0, 1], [2, 20, 0], [3, 0, 7]]),
    ]
    chosen = [replace(scores[0], confusion=c) for c in confusions]
    result = first_project_scores(chosen)
    total = sum(confusions)
    for index, name in enumerate(("background", "liver", "tumour")):
        dice = 2 * total[index, index] / (total[index].sum() + total[:, index].sum())
        assert result[name]["dice"]["value"] == pytest.approx(dice)
    organ = total[1:, 1:].sum()
    assert result["liver_with_tumour"]["recall"]["value"] == pytest.approx(organ / total[1:].sum())
    assert result["accuracy"] == pytest.approx(np.trace(total) / total.sum())
    assert first_project_scores([*chosen, replace(scores[0], confusion=None)]) is None
