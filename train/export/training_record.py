"""The training record of a checkpoint's manifest: data, samples, hours, seed, commit and hardware."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train import provenance
from train.data.dataset import DatasetFolder
from train.weights import training_stages


def dataset_records(data: Iterable[Sequence]) -> list[dict]:
    """Name, licence, citation and number of training slices of each dataset.

    `data` is the setting of a run, whose items start with a folder. Raises `TrainError` when a dataset is
    missing.
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
    """The manifest's `training` for a run and the runs that it started from (`init`).

    `hours` leaves out the time for scoring, and is absent when a run has no log. The datasets of older runs,
    whose weights files do not describe them, are opened.
    """
    datasets: dict[str, dict] = {}
    runs = training_stages(state)
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
