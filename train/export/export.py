"""Exports the weights of a run as a checkpoint: archive, manifest, safetensors, metrics and model card."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from registry import Checkpoint, InputSpec, Manifest, WindowSpec
from registry.card.card import PICTURE_FILE, model_card
from registry.write_checkpoint import write_checkpoint
from train.data.dataset import DatasetFolder
from train.evaluation.evaluate import best_threshold, evaluate, has_volumes
from train.evaluation.graph_segmenter import graph_segmenter
from train.evaluation.models import Model
from train.evaluation.predict import predictor
from train.evaluation.protocol import Protocol
from train.evaluation.scans import LoadedSplit
from train.export.archive import archive
from train.export.calibrate import calibrate_network
from train.export.card_picture import card_picture
from train.export.parity import check_parity
from train.export.recipe_file import RECIPE_FILE, recipe_text
from train.export.torchscript import script
from train.export.training_record import training_record
from train.export.transformers_layout import PREPROCESSOR_FILE, network_files
from train.networks import trained_graph


@dataclass(frozen=True)
class ExportSettings:
    """The identity of a checkpoint and the settings of its graph and its evaluation."""

    name: str
    version: str
    title: str
    licence: str
    working_size: int  # longer side of a slice in the graph, pixels
    context_slices: int | None = None  # None: as in training
    # Tumour threshold of the uncalibrated probability; None: the best one on the first evaluation.
    # Calibration maps it with the probability, so the labels stay the same.
    threshold: float | None = None
    note: str = ""  # added to the protocol of the first evaluation
    replace: bool = False  # overwrite another checkpoint in the same folder
    # Calibrate the tumour probability on the first evaluation, or by a record of `fold_calibration`.
    calibrate: bool | dict[str, Any] = True
    rules: dict[str, Any] = field(default_factory=dict)  # keys of `liverseg.inference.rules.RULE_KEYS`
    # The checkpoint that this one is a variant of: its name beside this one, or owner/name on the Hub.
    base_model: str = ""


def export(
    state: dict,
    folder: Path,
    settings: ExportSettings,
    evaluations: list[tuple[DatasetFolder, str]],
) -> Checkpoint:
    """Write a checkpoint folder, evaluated on each (dataset, split); the first is the headline.

    `state` is that of `train.weights.load_run`. The training record includes the runs that this one started
    from (`init`). Raises `TrainError` when the archive does not repeat the trained network
    (`train.export.parity`).
    """
    run_settings = state["settings"]
    context_slices = settings.context_slices or run_settings["context_slices"]
    trained = trained_graph(state, settings.working_size, context_slices)
    specs = tuple(WindowSpec(*window) for window in run_settings["windows"])
    spec = InputSpec("slices", context_slices, specs, settings.working_size)
    module = script(trained.network.for_inference(), spec)
    splits = [LoadedSplit.load(dataset, split) for dataset, split in evaluations]

    threshold, threshold_note = settings.threshold, ""
    if threshold is None:
        threshold = best_threshold(splits[0].slices, predictor(module), context_slices)
        threshold_note = "tumour threshold chosen on this split"
    calibrated = calibrate_network(module, trained, splits[0], context_slices, threshold, settings.calibrate)
    module, threshold, predict = calibrated.module, calibrated.threshold, predictor(calibrated.module)
    segmenter = graph_segmenter(settings.name, module, spec, settings.rules)
    model = Model(settings.name, predict, context_slices, threshold, {}, segmenter)
    parity = check_parity(calibrated.graph, archive(module, "{}"), context_slices, threshold)
    first_note = _join_notes(settings.note, threshold_note, calibrated.note)
    protocol = Protocol(threshold=threshold)
    results = []
    for number, split in enumerate(splits):
        note = "" if number else first_note
        results.append(evaluate(split, model, protocol, note))
        if has_volumes(split):
            results.append(evaluate(split, model, replace(protocol, mode="volume"), note))
    listed = results.copy()
    if context_slices > 1:
        alone = Protocol(threshold=threshold, context=False)
        note = _join_notes("every slice on its own, neighbours hidden", first_note)
        results.append(evaluate(splits[0], model, alone, note))
    entries = [result.entry() for result in results]
    entries[0]["values"] |= calibrated.values()
    entries[0]["curve"] = calibrated.curve

    manifest = Manifest(
        name=settings.name,
        version=settings.version,
        title=settings.title,
        architecture=run_settings["architecture"],
        input=spec,
        tumour_threshold=threshold,
        metrics=entries,
        training=training_record(state),
        licence=settings.licence,
        torch_version=torch.__version__.split("+")[0],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        extra={
            "parity": parity.entry(),
            "calibration": calibrated.record(),
            **settings.rules,
            **_base_model(state, settings),
        },
    )
    header, *_ = results[0].csv().splitlines()
    by_slice = [result for result in listed if result.mode == "slice"]
    rows = [row for result in by_slice for row in result.csv().splitlines()[1:]]
    weights = {
        name: tensor.half().contiguous()
        for name, tensor in trained.network.state_dict().items()
        if tensor.ndim
    }
    network = network_files(trained.network, weights, _config(run_settings, spec), spec)
    card = model_card(manifest, picture=PICTURE_FILE, transformers=PREPROCESSOR_FILE in network)
    files = {
        "model.pt": archive(module, manifest.to_json(with_files=False)),
        **network,
        RECIPE_FILE: recipe_text(state).encode(),
        "metrics.csv": ("\n".join([header, *rows]) + "\n").encode(),
        PICTURE_FILE: card_picture(predict, context_slices, threshold, manifest.ref),
        "README.md": card.encode(),
    }
    return write_checkpoint(folder, manifest, files, replace=settings.replace)


def _base_model(state: dict, settings: ExportSettings) -> dict[str, str]:
    """The manifest's `base_model`: as set, or another checkpoint that the weights are read from."""
    base = settings.base_model or state.get("ref", "").partition("@")[0]
    return {"base_model": base} if base and base != settings.name else {}


def _join_notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _config(run_settings: dict, spec: InputSpec) -> dict:
    """This project's part of `config.json`: what is needed to rebuild the network."""
    return {
        "architecture": run_settings["architecture"],
        **run_settings["options"],
        "classes": ["background", "liver", "tumour"],
        "windows": [{"center_hu": w.center_hu, "width_hu": w.width_hu} for w in spec.windows],
        "working_size": spec.working_size,
        "context_slices": spec.context_slices,
    }
