"""From a run's weights to a checkpoint: archive, manifest, card with a picture, safe twin, metrics."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch

from registry import Checkpoint, InputSpec, Manifest, WindowSpec
from registry.card.card import PICTURE_FILE, model_card
from registry.write_checkpoint import write_checkpoint
from train.data.dataset import DatasetFolder
from train.evaluation.evaluate import best_threshold, evaluate
from train.evaluation.predict import predictor
from train.export.archive import archive
from train.export.calibrate import tuned
from train.export.card_picture import card_picture
from train.export.parity import check_parity
from train.export.torchscript import script
from train.export.training_record import training_record
from train.weights import trained_graph


@dataclass(frozen=True)
class ExportSettings:
    """What a checkpoint is to be called and how its graph is to work."""

    name: str
    version: str
    title: str
    licence: str
    working_size: int
    context_slices: int | None = None  # None: as many as the run trained with
    # Tumour threshold of the network's own probability; None: the best one on the first evaluation.
    # Calibration carries it over, so that it draws what it would have drawn without.
    threshold: float | None = None
    note: str = ""  # added to the protocol of the first evaluation
    replace: bool = False  # whether another checkpoint in the same folder may be written over
    calibrate: bool = True  # whether the tumour probability is calibrated on the first evaluation


def export(
    state: dict,
    folder: Path,
    settings: ExportSettings,
    evaluations: list[tuple[DatasetFolder, str]],
) -> Checkpoint:
    """Write the checkpoint `folder`, evaluated on each (dataset, split), the first being its headline.

    Runs that this one started from (`init`) are counted in its samples and datasets. Raises
    `TrainError` when the archive does not repeat the trained network (`train.export.parity`).
    """
    fit = state["settings"]
    context_slices = settings.context_slices or fit["context_slices"]
    trained = trained_graph(state, settings.working_size, context_slices)
    specs = tuple(WindowSpec(*window) for window in fit["windows"])
    spec = InputSpec("slices", context_slices, specs, settings.working_size)
    module = script(trained.network.for_inference(), spec)
    loaded = [(dataset.load(split), split, dataset.about) for dataset, split in evaluations]

    threshold, chosen, first = settings.threshold, "", loaded[0][0]
    if threshold is None:
        threshold = best_threshold(first, predictor(module), context_slices)
        chosen = "tumour threshold chosen on this split"
    fitted = tuned(module, trained, first, loaded[0][1], context_slices, threshold, settings.calibrate)
    module, threshold, predict = fitted.module, fitted.threshold, predictor(fitted.module)
    parity = check_parity(fitted.graph, archive(module, "{}"), context_slices, threshold)
    notes = [_joined(settings.note, chosen, fitted.note), *[""] * (len(loaded) - 1)]
    results = [
        evaluate(slices, split, predict, context_slices, threshold, note=note, about=about)
        for (slices, split, about), note in zip(loaded, notes, strict=True)
    ]
    if context_slices > 1:
        slices, split, about = loaded[0]
        note = _joined("every slice on its own, neighbours hidden", notes[0])
        results.append(evaluate(slices, split, predict, context_slices, threshold, False, note, about))
    entries = [result.entry() for result in results]
    entries[0]["values"] |= fitted.values()
    entries[0]["curve"] = fitted.points

    manifest = Manifest(
        name=settings.name,
        version=settings.version,
        title=settings.title,
        architecture=fit["architecture"],
        input=spec,
        tumour_threshold=threshold,
        metrics=entries,
        training=training_record(state),
        licence=settings.licence,
        torch_version=torch.__version__.split("+")[0],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        extra={"parity": parity.entry(), "calibration": fitted.record()},
    )
    header, *_ = results[0].csv().splitlines()
    rows = [row for result in results[: len(loaded)] for row in result.csv().splitlines()[1:]]
    weights = {
        name: tensor.half().contiguous()
        for name, tensor in trained.network.state_dict().items()
        if tensor.ndim
    }
    files = {
        "model.pt": archive(module, manifest.to_json(with_files=False)),
        "model.safetensors": safetensors.torch.save(weights),
        "config.json": (json.dumps(_config(fit, spec), indent=2) + "\n").encode(),
        "metrics.csv": ("\n".join([header, *rows]) + "\n").encode(),
        PICTURE_FILE: card_picture(predict, context_slices, threshold, manifest.ref),
        "README.md": model_card(manifest, picture=PICTURE_FILE).encode(),
    }
    return write_checkpoint(folder, manifest, files, replace=settings.replace)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _config(fit: dict, spec: InputSpec) -> dict:
    """What is needed to rebuild the network around `model.safetensors`."""
    return {
        "architecture": fit["architecture"],
        **fit["options"],
        "classes": ["background", "liver", "tumour"],
        "windows": [{"center_hu": w.center_hu, "width_hu": w.width_hu} for w in spec.windows],
        "working_size": spec.working_size,
        "context_slices": spec.context_slices,
    }
