"""Training: samples in, a run folder out, to be stopped and resumed at will.

A run folder holds `settings.json`, `log.csv` (a line a scoring), `last.pt` (everything a resume
needs) and `best.pt` (the averaged weights that scored best).
"""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from liverseg.windowing import Window
from train import provenance
from train.architectures import build
from train.augment import AugmentSettings
from train.averaging import WeightAverage
from train.dataset import DatasetFolder, SlicesInMemory
from train.errors import TrainError
from train.graph import HuToProbabilities, normalise, resize
from train.losses import segmentation_loss
from train.runs import load_run
from train.samples import Samples, Source
from train.scoring import count, dice_of, predictor

log = logging.getLogger("train.fit")


@dataclass(frozen=True)
class FitSettings:
    """Everything that decides what a run computes."""

    data: tuple[tuple[str, float, float], ...]  # folder, share of samples, share of painted lesions
    architecture: str = "segformer-b0"
    decoder_width: int | None = None  # of a SegFormer
    embedding: int | None = None  # of an nnFormer
    init: str | None = None  # a run folder or weights file to start from
    samples: int = 60_000
    batch: int = 16
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    warmup: int = 1_500  # samples
    average: float = 0.999
    seed: int = 1
    window: tuple[float, float] = (60.0, 200.0)  # centre and width in HU of what the network sees
    working_size: int = 256  # longer side of the slice when scoring, pixels
    working_range: tuple[int, int] = (225, 400)  # in training
    crop: int = 256
    context_slices: int = 3
    tumour_weight: float = 2.0
    score_every: int = 5_000  # samples
    validation: str = ""  # dataset folder whose val split is scored; default: the first of `data`


def fit(settings: FitSettings, run: Path, workers: int = 1, threads: int | None = None) -> Path:
    """Train until `settings.samples` are seen, resuming `run` when it was begun before.

    Returns the path of `best.pt`. Raises `TrainError` when `run` was begun with other settings.
    """
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(settings.seed)
    _claim(run, settings)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = build(settings.architecture, decoder_width=settings.decoder_width, embedding=settings.embedding)
    if settings.init:
        network.load_state_dict(load_run(settings.init)["weights"])
    network.to(device)
    average = WeightAverage(network, settings.average)
    optimiser = torch.optim.AdamW(_groups(network, settings.weight_decay), lr=settings.learning_rate)
    seen = _resume(run, network, average, optimiser)

    folders = {path: DatasetFolder.open(path) for path, _, _ in settings.data}
    sources = [Source(folders[path].load("train"), share, lesions) for path, share, lesions in settings.data]
    validation = DatasetFolder.open(settings.validation or settings.data[0][0]).load("val")
    augment = AugmentSettings(working_px=settings.working_range, crop_px=settings.crop)
    samples = Samples(sources, Window(*settings.window), augment, settings.seed, settings.samples)
    rest = Subset(samples, range(seen, len(samples)))
    own = torch.Generator()  # so that starting the loader draws nothing from the training's own generator
    loader = DataLoader(rest, settings.batch, num_workers=workers, generator=own)

    best = _best_so_far(run)
    losses: list[float] = []
    started = time.monotonic()
    for images, bits in loader:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(seen, settings)
        losses.append(_step(network, optimiser, images.to(device), bits.to(device), settings))
        average.update(network)
        before, seen = seen, seen + len(images)
        if before // settings.score_every == seen // settings.score_every and seen < settings.samples:
            continue
        rate = len(losses) * settings.batch / (time.monotonic() - started)
        scores = score(average.network, validation, settings)
        value = scores["liver_global"] + scores["tumour_global"]
        _log(run, {"samples": seen, "loss": sum(losses) / len(losses), "rate": rate, **scores})
        _save(run / "last.pt", network=network, average=average, optimiser=optimiser, seen=seen)
        if value > best:
            best = value
            _save_weights(run / "best.pt", average.network, settings, seen, scores)
        _save_weights(run / "final.pt", average.network, settings, seen, scores)
        losses, started = [], time.monotonic()
    return run / "best.pt"


def learning_rate(seen: int, settings: FitSettings) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    warm = min(1.0, (seen + 1) / max(settings.warmup, 1))
    progress = seen / settings.samples
    return settings.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def score(network: nn.Module, validation: SlicesInMemory, settings: FitSettings) -> dict[str, float]:
    """Dice on every slice of the validation split, at full resolution, tumour threshold 0.5."""
    inference = network.for_inference().cpu()
    module = HuToProbabilities(
        inference, [Window(*settings.window)], settings.working_size, settings.context_slices
    ).eval()
    return dice_of(count(validation, predictor(module), settings.context_slices)[0.5])


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    images: torch.Tensor,
    bits: torch.Tensor,
    settings: FitSettings,
) -> float:
    network.train()
    with torch.autocast(images.device.type, torch.bfloat16):
        logits = network(normalise(images))
    outputs = logits if isinstance(logits, tuple) else (logits,)  # the finest first, with deep supervision
    weights = [0.5**depth for depth in range(len(outputs))]
    losses = [_loss(output.float(), bits, settings.tumour_weight) for output in outputs]
    loss = sum(weight * part for weight, part in zip(weights, losses, strict=True)) / sum(weights)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _loss(logits: torch.Tensor, bits: torch.Tensor, tumour_weight: float) -> torch.Tensor:
    """The loss at the full size for logits of that size, else at half: as good, and cheaper."""
    if logits.shape[2:] == bits.shape[1:]:
        return segmentation_loss(logits, bits, tumour_weight)
    half = [bits.shape[1] // 2, bits.shape[2] // 2]
    return segmentation_loss(resize(logits, half), bits[:, ::2, ::2], tumour_weight)


def _groups(network: nn.Module, weight_decay: float) -> list[dict]:
    """Matrices decay, biases and norms do not."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def _claim(run: Path, settings: FitSettings) -> None:
    run.mkdir(parents=True, exist_ok=True)
    path, text = run / "settings.json", json.dumps(asdict(settings), indent=1)
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    elif json.loads(path.read_text(encoding="utf-8")) != json.loads(text):
        raise TrainError(f"{run} was begun with other settings; choose another folder or remove it.")


def _resume(run: Path, network: nn.Module, average: WeightAverage, optimiser: torch.optim.Optimizer) -> int:
    path = run / "last.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    average.network.load_state_dict(state["average"])
    average.updates = state["updates"]
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["rng"])
    log.info("resuming at %d samples", state["seen"])
    return state["seen"]


def _save(
    path: Path, network: nn.Module, average: WeightAverage, optimiser: torch.optim.Optimizer, seen: int
) -> None:
    _write(
        path,
        {
            "network": network.state_dict(),
            "average": average.network.state_dict(),
            "updates": average.updates,
            "optimiser": optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "seen": seen,
        },
    )


def _save_weights(path: Path, network: nn.Module, settings: FitSettings, seen: int, scores: dict) -> None:
    state = {"weights": network.state_dict(), "settings": asdict(settings), "seen": seen, "scores": scores}
    _write(path, {**state, "commit": provenance.commit(), "hardware": provenance.hardware()})


def _write(path: Path, state: dict) -> None:
    """Write beside, then rename: a run killed at any moment keeps its last whole state."""
    beside = path.with_suffix(".tmp")
    torch.save(state, beside)
    os.replace(beside, path)


def _best_so_far(run: Path) -> float:
    path = run / "best.pt"
    if not path.exists():
        return -math.inf
    scores = torch.load(path, map_location="cpu", weights_only=True)["scores"]
    return scores["liver_global"] + scores["tumour_global"]


def _log(run: Path, line: dict[str, float]) -> None:
    path = run / "log.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, line)
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.5g}" for name, value in line.items()})
    log.info("%s", "  ".join(f"{name} {value:.4g}" for name, value in line.items()))
