"""From a run's weights to a checkpoint of contract 1: archive, manifest, card, safe twin, metrics."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch

from liverseg.windowing import Window
from registry import Checkpoint, InputSpec, Manifest, WindowSpec
from registry.card import model_card
from registry.writing import write_checkpoint
from train import provenance
from train.architectures import build
from train.archive import archive
from train.dataset import DatasetFolder
from train.evaluate import best_threshold, evaluate
from train.graph import network_channels
from train.runs import load_run
from train.scoring import predictor
from train.scripting import script


@dataclass(frozen=True)
class ExportSettings:
    """What a checkpoint is to be called and how its graph is to work."""

    name: str
    version: str
    title: str
    licence: str
    working_size: int
    context_slices: int = 3
    threshold: float | None = None  # tumour threshold; None: the best one on the first evaluation
    note: str = ""  # added to the protocol of the first evaluation
    replace: bool = False  # whether another checkpoint in the same folder may be written over


def export(
    state: dict,
    folder: Path,
    settings: ExportSettings,
    evaluations: list[tuple[DatasetFolder, str]],
) -> Checkpoint:
    """Write the checkpoint `folder`, evaluated on each (dataset, split), the first being its headline.

    Runs that this one started from (`init`) are counted in its samples and datasets.
    """
    fit = state["settings"]
    windows = [Window(*window) for window in fit["windows"]]
    channels = network_channels(windows, fit["context_slices"])
    network = build(fit["architecture"], channels=channels, **fit["options"])
    network.load_state_dict(state["weights"])
    specs = tuple(WindowSpec(*window) for window in fit["windows"])
    spec = InputSpec("slices", settings.context_slices, specs, settings.working_size)
    module = script(network.for_inference(), spec)

    predict = predictor(module)
    loaded = [(dataset.load(split), split) for dataset, split in evaluations]
    threshold, chosen = settings.threshold, ""
    if threshold is None:
        threshold = best_threshold(loaded[0][0], predict, settings.context_slices)
        chosen = "tumour threshold chosen on this split"
    notes = [_joined(settings.note, chosen), *[""] * (len(loaded) - 1)]
    results = [
        evaluate(slices, split, predict, settings.context_slices, threshold, note=note)
        for (slices, split), note in zip(loaded, notes, strict=True)
    ]
    if settings.context_slices > 1:
        slices, split = loaded[0]
        note = _joined("every slice on its own, neighbours hidden", notes[0])
        results.append(evaluate(slices, split, predict, settings.context_slices, threshold, False, note))

    manifest = Manifest(
        name=settings.name,
        version=settings.version,
        title=settings.title,
        architecture=fit["architecture"],
        input=spec,
        tumour_threshold=threshold,
        metrics=[result.entry() for result in results],
        training=_training(state),
        licence=settings.licence,
        torch_version=torch.__version__.split("+")[0],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    header, *_ = results[0].csv().splitlines()
    rows = [row for result in results[: len(loaded)] for row in result.csv().splitlines()[1:]]
    weights = {
        name: tensor.half().contiguous() for name, tensor in network.state_dict().items() if tensor.ndim
    }
    files = {
        "model.pt": archive(module, manifest.to_json(with_files=False)),
        "model.safetensors": safetensors.torch.save(weights),
        "config.json": (json.dumps(_config(fit, settings), indent=2) + "\n").encode(),
        "metrics.csv": ("\n".join([header, *rows]) + "\n").encode(),
        "README.md": model_card(manifest).encode(),
    }
    return write_checkpoint(folder, manifest, files, replace=settings.replace)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _config(fit: dict, settings: ExportSettings) -> dict:
    """What is needed to rebuild the network around `model.safetensors`."""
    return {
        "architecture": fit["architecture"],
        **fit["options"],
        "classes": ["background", "liver", "tumour"],
        "windows": [{"center_hu": center, "width_hu": width} for center, width in fit["windows"]],
        "working_size": settings.working_size,
        "context_slices": settings.context_slices,
    }


def _stages(state: dict) -> list[dict]:
    """The run and, before it, the runs it started from."""
    init = state["settings"]["init"]
    return [*(_stages(load_run(init)) if init else []), state]


def _training(state: dict) -> dict:
    """Datasets with licence and citation, samples of all stages, seed, commit and hardware."""
    datasets: dict[str, dict] = {}
    stages = _stages(state)
    for stage in stages:
        for path, _, _ in stage["settings"]["data"]:
            folder = DatasetFolder.open(path)
            datasets[folder.name] = {
                "name": folder.name,
                "licence": folder.about["licence"],
                "citation": folder.about["citation"],
                "slices": sum(row.split == "train" for row in folder.rows),
            }
    return {
        "datasets": list(datasets.values()),
        "samples_seen": sum(stage["seen"] for stage in stages),
        "seed": state["settings"]["seed"],
        "commit": state.get("commit") or provenance.commit(),
        "hardware": state.get("hardware") or provenance.hardware(),
    }
