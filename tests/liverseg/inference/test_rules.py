"""The rules of a checkpoint, read from its manifest."""

from __future__ import annotations

import copy

import pytest

from liverseg.core.lesion_candidates import NO_RULES, LesionRules
from liverseg.core.lesion_model import LesionModel
from liverseg.core.slice_smoothing import SmoothingRule
from liverseg.errors import CheckpointRefused
from liverseg.inference.rules import InferenceRules, SearchRule, inference_rules

TERM = {"feature": "slices", "transform": "log", "centre": 1.0, "scale": 0.7, "coefficient": 0.5}
VOLUME = {"intercept": 0.5, "terms": [TERM], "cut": 0.3, "operating_points": []}
SLICE = {"intercept": -0.5, "terms": [TERM], "cut": 0.6}
MANIFEST = {
    "volume_rules": {
        "search": {"working_size": 128, "margin": 0.05, "scale": 1.25},
        "smoothing": {"sigma_mm": 3.0, "sigma_slices": 0.8},
        "hysteresis": {"seed_probability": 0.6},
    },
    "slice_rules": {"least_body_probability": 0.8},
    "lesion_model": {"method": "logistic regression", "volume": VOLUME, "slice": SLICE, "auc": 0.9},
}


def without(*keys: str) -> dict:
    manifest = copy.deepcopy(MANIFEST)
    node = manifest
    for key in keys[:-1]:
        node = node[key]
    del node[keys[-1]]
    return manifest


def test_every_rule_is_read():
    rules = inference_rules(MANIFEST, "a@1")
    assert rules.search == SearchRule(128, 0.05, 1.25)
    assert rules.smoothing == SmoothingRule(3.0, 0.8)
    assert rules.least_body_probability == 0.8
    assert rules.volume_lesions == LesionRules(0.6, LesionModel.from_dict(VOLUME), 0.3)
    assert rules.slice_lesions == LesionRules(0.0, LesionModel.from_dict(SLICE), 0.6), (
        "the seed probability is for volumes"
    )


def test_a_manifest_without_rules_has_none():
    assert inference_rules({"intended_use": {}}, "a@1") == InferenceRules()
    assert inference_rules({"volume_rules": {}, "lesion_model": {}}, "a@1") == InferenceRules()


def test_each_rule_may_be_missing():
    assert inference_rules(without("volume_rules", "search"), "a@1").search is None
    assert inference_rules(without("slice_rules"), "a@1").least_body_probability == 0
    assert inference_rules(without("volume_rules", "smoothing"), "a@1").smoothing is None
    assert inference_rules(without("volume_rules", "hysteresis"), "a@1").volume_lesions.seed_probability == 0
    assert inference_rules(without("lesion_model", "slice"), "a@1").slice_lesions == NO_RULES
    assert inference_rules(without("lesion_model", "volume"), "a@1").volume_lesions == LesionRules(0.6)
    assert inference_rules(without("lesion_model"), "a@1").volume_lesions == LesionRules(0.6)


def refusal(manifest: dict) -> str:
    with pytest.raises(CheckpointRefused) as refused:
        inference_rules(manifest, "a@1")
    text = str(refused.value)
    assert "a@1" in text and text.endswith(".") and text.count(". ") == 0 and "\n" not in text
    return text


def test_an_unknown_rule_or_method_refuses_the_checkpoint_by_name():
    manifest = copy.deepcopy(MANIFEST)
    manifest["volume_rules"]["watershed"] = {}
    assert "'watershed'" in refusal(manifest) and "update liverseg" in refusal(manifest)
    manifest = copy.deepcopy(MANIFEST)
    manifest["lesion_model"]["method"] = "random forest"
    assert "'random forest'" in refusal(manifest)


@pytest.mark.parametrize(
    "keys",
    [
        ("volume_rules", "search", "scale"),
        ("volume_rules", "smoothing", "sigma_slices"),
        ("volume_rules", "hysteresis", "seed_probability"),
        ("lesion_model", "method"),
        ("lesion_model", "volume", "cut"),
        ("lesion_model", "volume", "terms"),
        ("lesion_model", "slice", "intercept"),
    ],
)
def test_an_incomplete_rule_refuses_the_checkpoint(keys):
    text = refusal(without(*keys))
    assert "incomplete" in text and f"'{keys[-1]}'" in text


@pytest.mark.parametrize(("key", "value"), [("feature", "mean_hu"), ("transform", "sqrt")])
def test_an_unknown_feature_or_transform_refuses_the_checkpoint(key, value):
    manifest = copy.deepcopy(MANIFEST)
    manifest["lesion_model"]["volume"]["terms"][0][key] = value
    assert f"'{value}'" in refusal(manifest)


def test_a_rule_of_another_type_refuses_the_checkpoint():
    manifest = copy.deepcopy(MANIFEST)
    manifest["volume_rules"]["hysteresis"] = None
    assert "incomplete" in refusal(manifest)
