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


def started_from(manifest, licence):
    weights = [{"name": "nvidia/mit-b0", "licence": licence}]
    return {"training": {**manifest.training, "start_weights": weights}}


def test_a_checkpoint_from_weights_of_a_stated_licence_may_be_published(manifest):
    assert shortcomings(dataclasses.replace(manifest, **started_from(manifest, "NVIDIA SCL"))) == []


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
        (lambda m: started_from(m, "not stated"), "the licence of nvidia/mit-b0"),
        (lambda m: started_from(m, ""), "the licence of nvidia/mit-b0"),
    ],
)
def test_each_shortcoming_is_reported(manifest, change, reason):
    found = shortcomings(dataclasses.replace(manifest, **change(manifest)))
    assert len(found) == 1 and reason in found[0]
