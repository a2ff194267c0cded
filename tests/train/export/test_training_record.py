"""The training record of a manifest."""

from __future__ import annotations

from pathlib import Path

from train.export.training_record import training_record
from train.weights import load_run

BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"


def test_the_record_of_a_checkpoint_keeps_its_samples_and_datasets():
    record = training_record(load_run(BUNDLED / "segformer-b0"))
    assert record["samples_seen"] > 60_000
    assert "lits-26" in {data["name"] for data in record["datasets"]}
