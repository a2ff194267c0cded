"""Publication: what a checkpoint lacks before it may be sent."""

from __future__ import annotations

import dataclasses

import pytest

from registry import open_registries
from train.export.publish import shortcomings


@pytest.fixture
def manifest():
    return open_registries("bundled").find("segformer-b0").manifest


def test_a_complete_checkpoint_may_be_published(manifest):
    assert shortcomings(manifest) == []


def with_dataset(manifest, **change):
    return {"training": {**manifest.training, "datasets": [{**manifest.training["datasets"][0], **change}]}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: {"extra": {}}, "parity with the trained network was not checked"),
        (
            lambda m: {"extra": {"parity": {**m.extra["parity"], "labels_equal": 0.99}}},
            "only 99.0000%",
        ),
        (lambda m: {"metrics": []}, "no Dice"),
        (lambda m: {"licence": "unknown"}, "licence is not stated"),
        (lambda m: {"files": {}}, "no metrics.csv"),
        (lambda m: {"training": {**m.training, "datasets": []}}, "training data are not stated"),
        (lambda m: with_dataset(m, licence=" "), "no licence or citation"),
        (lambda m: with_dataset(m, citation="not stated"), "no licence or citation"),
    ],
)
def test_each_shortcoming_is_reported(manifest, change, reason):
    found = shortcomings(dataclasses.replace(manifest, **change(manifest)))
    assert len(found) == 1 and reason in found[0]
