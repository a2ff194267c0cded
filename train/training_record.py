"""What a checkpoint's manifest says of its training: data, samples, hours, seed, commit, hardware."""

from __future__ import annotations

from train import provenance
from train.dataset import DatasetFolder
from train.runs import stages


def training_record(state: dict) -> dict:
    """The manifest's `training` of a run, the runs that it started from (`init`) included.

    Hours are those of training, scoring aside, and missing where a run kept no log.
    """
    datasets: dict[str, dict] = {}
    runs = stages(state)
    for stage in runs:
        for known in stage.get("training", {}).get("datasets", ()):  # a published checkpoint's
            datasets[known["name"]] = dict(known)
        for path, _, _ in stage["settings"]["data"]:
            folder = DatasetFolder.open(path)
            datasets[folder.name] = {
                "name": folder.name,
                "licence": folder.about["licence"],
                "citation": folder.about["citation"],
                "slices": sum(row.split == "train" for row in folder.rows),
            }
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
