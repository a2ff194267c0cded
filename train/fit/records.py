"""What a run records beside its weights: data as it was drawn, hours, code, hardware and earlier runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train import provenance
from train.data.dataset import DatasetFolder
from train.fit.data import RunData, new_samples
from train.fit.settings import FitSettings
from train.fit.state import Progress


def run_record(
    settings: FitSettings, data: RunData, progress: Progress, own: dict[str, Any]
) -> dict[str, Any]:
    """The record of a run after `progress`; `own` is the content of its `provenance.json`.

    `datasets` has for each dataset its name, licence, citation, training slices and the samples drawn from
    it. `trained_scans` names the training scans of each dataset.
    """
    count_draws(settings, data, progress)
    folders = [DatasetFolder.open(item[0]) for item in settings.data]
    slices = [source.slices for source in data.sources]
    return {
        "datasets": [
            {**folder.origin, "slices": len(own_slices.rows), "samples": drawn}
            for folder, own_slices, drawn in zip(folders, slices, progress.drawn, strict=True)
        ],
        "trained_scans": {
            folder.name: sorted(own_slices.by_scan)
            for folder, own_slices in zip(folders, slices, strict=True)
        },
        "hours": progress.seconds / 3600,
        "hardware": provenance.hardware(),
        "lineage": own["lineage"],
        "commit": own["commits"][-1]["commit"],
        "dirty": own["commits"][-1]["dirty"],
        "commits": own["commits"],
        **({"start_weights": [own["start_weights"]]} if "start_weights" in own else {}),
    }


def count_draws(settings: FitSettings, data: RunData, progress: Progress) -> None:
    """Add to `progress.drawn` the samples that the updates since the last call drew from each dataset.

    The dataset of a sample depends on the run's seed and the sample's number alone, so a run of an older
    version is counted from its start.
    """
    samples = new_samples(replace(settings, paste=0.0), data, "cpu")  # pasting reads pixels
    drawn = progress.drawn if len(progress.drawn) == len(data.sources) else [0] * len(data.sources)
    first = progress.drawn_steps if drawn is progress.drawn else 0
    for number in range(first * settings.batch, progress.step * settings.batch):
        drawn[samples.source_of(number)] += 1
    progress.drawn, progress.drawn_steps = drawn, progress.step
