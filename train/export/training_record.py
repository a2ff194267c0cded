"""What a checkpoint's manifest says of its training: data, samples, hours, seed, commit, hardware."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train import provenance
from train.data.dataset import DatasetFolder
from train.weights import stages


def dataset_records(data: Iterable[Sequence]) -> list[dict]:
    """What is to be known of each dataset of a run's settings, (folder, …) each.

    Raises `TrainError` when one is not there.
    """
    folders = [DatasetFolder.open(path) for path, *_ in data]
    return [
        {
            "name": folder.name,
            "licence": folder.about.get("licence", "not stated"),
            "citation": folder.about.get("citation", "not stated"),
            "slices": sum(row.split == "train" for row in folder.rows),
        }
        for folder in folders
    ]


def training_record(state: dict) -> dict:
    """The manifest's `training` of a run, the runs that it started from (`init`) included.

    Hours are those of training, scoring aside, and missing where a run kept no log. Runs that do not say
    what they were trained on, as older ones, have their datasets opened.
    """
    datasets: dict[str, dict] = {}
    runs = stages(state)
    for stage in runs:
        for dataset in stage.get("datasets") or dataset_records(stage["settings"]["data"]):
            datasets[dataset["name"]] = dataset
    record = {
        "datasets": list(datasets.values()),
        "samples_seen": sum(stage["seen"] for stage in runs),
        "seed": state["settings"]["seed"],
        "commit": state.get("commit") or provenance.commit(),
        "hardware": state.get("hardware") or provenance.hardware(),
    }
    if all(stage["hours"] is not None for stage in runs):
        record["hours"] = round(sum(stage["hours"] for stage in runs), 2)
    return record
