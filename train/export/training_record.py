"""The training record of a checkpoint's manifest: data, samples, hours, code, hardware and first weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from train import provenance
from train.data.dataset import DatasetFolder
from train.weights import training_stages


def dataset_records(data: Iterable[Sequence]) -> list[dict]:
    """Name, licence, citation, number of training slices and `hub_id`, if any, of each dataset.

    `data` is the setting of a run, whose items start with a folder. Raises `TrainError` when a dataset is
    missing.
    """
    folders = [DatasetFolder.open(path) for path, *_ in data]
    return [
        {**folder.origin, "slices": sum(row.split == "train" for row in folder.rows)} for folder in folders
    ]


def training_record(state: dict) -> dict:
    """The manifest's `training` for a run and the runs that it started from.

    `samples` of a dataset are those drawn from it in all runs; they are absent where a run that had it did
    not count them. `hours` leave out the time for scoring; where the hours of an earlier run are unknown,
    those of the others are `hours_at_least`. `start_weights` name the weights of other projects that the
    first run started from. The datasets of older runs, whose weights files do not describe them, are opened.
    """
    runs = training_stages(state)
    record: dict[str, Any] = {
        "datasets": _merged_datasets(runs),
        "samples_seen": sum(stage["seen"] for stage in runs),
        "seed": state["settings"]["seed"],
        "commit": state.get("commit") or provenance.commit(),
        "hardware": state.get("hardware") or provenance.hardware(),
    }
    if state.get("dirty") is not None:
        record["dirty"] = state["dirty"]
    commits = _distinct(one for stage in runs for one in _of_stage(stage, "commits", []))
    if len(commits) > 1:
        record["commits"] = commits
    starts = [_of_stage(stage, "start_weights", []) for stage in runs]
    start_weights = _distinct(
        one for start in starts for one in (start if isinstance(start, list) else [start])
    )
    if start_weights:
        record["start_weights"] = start_weights
    hours = [stage["hours"] for stage in runs if stage.get("hours") is not None]
    if hours:
        record["hours" if len(hours) == len(runs) else "hours_at_least"] = round(sum(hours), 2)
    return record


def _merged_datasets(runs: list[dict]) -> list[dict]:
    """The datasets of all runs, each once, with the samples of all runs."""
    merged: dict[str, dict] = {}
    samples: dict[str, list[int | None]] = {}
    for stage in runs:
        for dataset in stage.get("datasets") or dataset_records(stage["settings"]["data"]):
            merged[dataset["name"]] = {key: value for key, value in dataset.items() if key != "samples"}
            samples.setdefault(dataset["name"], []).append(dataset.get("samples"))
    for name, counts in samples.items():
        known = [count for count in counts if count is not None]
        if len(known) == len(counts):
            merged[name]["samples"] = sum(known)
    return list(merged.values())


def _of_stage(stage: dict, key: str, default: Any) -> Any:
    """A value of a run, or of the training record of the checkpoint that the stage is."""
    return stage.get(key) or stage.get("training", {}).get(key) or default


def _distinct(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
