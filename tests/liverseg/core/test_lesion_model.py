"""The lesion model: its terms and probabilities, the cut's operating point, reading it from a manifest."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy.special import expit, logit

from liverseg.core.lesion_model import FEATURES, TRANSFORMS, LesionModel, OperatingPoint, Term

DATA = {
    "intercept": -1.5,
    "terms": [
        {"feature": "peak_probability", "transform": "logit", "centre": 0.4, "scale": 1.5, "coefficient": 2},
        {"feature": "slices", "transform": "log", "centre": 1.0, "scale": 0.7, "coefficient": 0.5},
        {"feature": "share_of_box", "transform": "none", "centre": 0.5, "scale": 0.2, "coefficient": -0.3},
    ],
    "cut": 0.3,
    "operating_points": [
        {"cut": 0.5, "recall": 0.6, "precision": 0.8, "false_per_scan": 0.4},
        {"cut": 0.1, "recall": 0.9, "precision": 0.3, "false_per_scan": 4.0},
        {"cut": 0.9, "recall": 0.0, "precision": None, "false_per_scan": 0.0},
    ],
    "auc": 0.9,
}


def random_features(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Features with the values that occur: shares from 0 to 1, and counts."""
    rng = np.random.default_rng(seed)
    features = {name: rng.random(n) for name in FEATURES}
    features["slices"], features["candidates"] = rng.integers(1, 40, n) * 1.0, np.full(n, float(n))
    return features


def test_the_probability_is_that_of_a_logistic_regression():
    features = random_features(50)
    score = (
        -1.5
        + 2 * (logit(features["peak_probability"]) - 0.4) / 1.5
        + 0.5 * (np.log(features["slices"]) - 1) / 0.7
        - 0.3 * (features["share_of_box"] - 0.5) / 0.2
    )
    found = LesionModel.from_dict(DATA).probabilities(features)
    np.testing.assert_allclose(found, expit(score), rtol=1e-12)
    assert found.dtype == np.float64 and found.std() > 0.1


def test_values_at_the_ends_of_their_range_stay_finite():
    ends = np.array([0.0, 1.0])
    for transform in TRANSFORMS:
        values = Term("peak_probability", transform, 0.0, 1.0, 1.0).values(ends)
        assert np.isfinite(values).all() and values[0] < values[1]
    steep = LesionModel(0.0, (Term("slices", "none", 0.0, 1e-3, 1e6),), 0.5)
    with np.errstate(all="raise"):
        extreme = steep.probabilities({"slices": np.array([-5.0, 5.0])})
    assert extreme[0] == pytest.approx(0, abs=1e-300) and extreme[1] == 1


def test_there_may_be_no_candidate_and_no_term():
    assert LesionModel.from_dict(DATA).probabilities(random_features(0)).shape == (0,)
    assert LesionModel(0.0, (), 0.5).probabilities(random_features(3)).tolist() == [0.5] * 3


def test_a_cut_has_the_operating_point_of_the_highest_listed_cut_that_is_not_above_it():
    model = LesionModel.from_dict(DATA)
    assert [point.cut for point in model.points] == [0.1, 0.5, 0.9], "sorted, whatever the manifest's order"
    expected = {0.0: None, 0.09: None, 0.1: 0.1, 0.3: 0.1, 0.5: 0.5, 0.1 + 0.2 + 0.2: 0.5, 0.89: 0.5, 1: 0.9}
    for cut, listed in expected.items():
        point = model.at_cut(cut)
        assert (point and point.cut) == listed, cut
    assert model.at_cut(0.6) == OperatingPoint(0.5, 0.6, 0.8, 0.4)
    assert model.at_cut(1.0).precision is None
    assert LesionModel(0.0, (), 0.5).at_cut(0.5) is None


def test_a_model_without_operating_points_is_read():
    data = {key: value for key, value in DATA.items() if key != "operating_points"}
    model = LesionModel.from_dict(data)
    assert model.points == () and model.cut == 0.3 and len(model.terms) == 3


@pytest.mark.parametrize(
    ("key", "value"), [("feature", "mean_hu"), ("transform", "sqrt"), ("centre", None), ("coefficient", None)]
)
def test_what_this_version_does_not_know_and_what_is_missing_is_named(key, value):
    data = copy.deepcopy(DATA)
    if value is None:
        del data["terms"][1][key]
    else:
        data["terms"][1][key] = value
    with pytest.raises(KeyError, match=value or key):
        LesionModel.from_dict(data)


def test_every_feature_has_a_definition():
    assert all(text and text[0].islower() and not text.endswith(".") for text in FEATURES.values())
