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


def stage(**more):
    return {"settings": {"seed": 1, "data": (), "init": None}, "seen": 10, "hours": 0.5} | more


def drawn(name, samples=None):
    record = {"name": name, "licence": "free", "citation": "us", "slices": 4}
    return record if samples is None else record | {"samples": samples}


def test_samples_hours_and_commits_of_all_stages_are_added():
    first = stage(datasets=[drawn("a", 6), drawn("b", 4)], commits=[{"commit": "a" * 40, "dirty": False}])
    last = stage(
        datasets=[drawn("b", 7), drawn("c", 3)],
        commits=[{"commit": "b" * 40, "dirty": True}],
        commit="b" * 40,
        dirty=True,
        lineage=[first],
        hours=0.25,
    )
    record = training_record(last)
    assert {data["name"]: data["samples"] for data in record["datasets"]} == {"a": 6, "b": 11, "c": 3}
    assert record["samples_seen"] == 20 and record["hours"] == 0.75
    assert record["commit"] == "b" * 40 and record["dirty"] is True
    assert [one["commit"][0] for one in record["commits"]] == ["a", "b"]
    assert "start_weights" not in record


def test_what_an_earlier_stage_does_not_know_is_not_invented():
    """An older checkpoint states neither its hours nor the samples of each dataset."""
    old = stage(training={"start_weights": [{"name": "x", "licence": "mit"}]}, hours=None)
    old["datasets"] = [drawn("a")]
    record = training_record(stage(datasets=[drawn("a", 5), drawn("b", 5)], lineage=[old]))
    assert [data.get("samples") for data in record["datasets"]] == [None, 5]
    assert "hours" not in record and record["hours_at_least"] == 0.5
    assert record["start_weights"] == [{"name": "x", "licence": "mit"}]
