"""Training: samples in, a run folder out, to be stopped and resumed at will, on one process or many."""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.errors import TrainError
from train.fit.data import RunData, batches, open_data
from train.fit.ema import WeightAverage
from train.fit.logs import RunLog, progress_bar
from train.fit.losses import LOSSES, segmentation_loss
from train.fit.network import new_network
from train.fit.optimiser import autocast_dtype, learning_rate, new_optimiser, seed_step
from train.fit.pictures import picture_grid, write_picture
from train.fit.processes import any_process, lost_processes, pooled, several, share_out, start
from train.fit.scoring import chosen_by, score
from train.fit.settings import FitSettings, Runtime
from train.fit.state import TrainingState, claim, save_weights
from train.models.graph import normalise

log = logging.getLogger("train.fit")

DEFAULT_RUNTIME = Runtime()


class Interrupted(TrainError):
    """The run was asked to stop and has saved its state: the same command goes on from there."""


def fit(settings: FitSettings, run: Path, runtime: Runtime = DEFAULT_RUNTIME) -> Path:
    """Train until `settings.samples` are seen, resuming `run` when it was begun before.

    Returns the path of `best.pt`. Raises `TrainError` when `run` was begun with other settings, or data
    or settings cannot be used, or another process of the run ends, and `Interrupted` after a SIGUSR1 or
    SIGTERM.
    """
    accelerator = start(settings.batch, settings.accumulate, runtime.threads)
    with lost_processes():
        return _fit(settings, run, runtime, accelerator)


def _fit(settings: FitSettings, run: Path, runtime: Runtime, accelerator: Accelerator) -> Path:
    if accelerator.is_main_process:
        claim(run, settings)
    accelerator.wait_for_everyone()
    data = open_data(settings, runtime, run, accelerator)
    state = new_state(settings, accelerator)
    state.resume(run)
    trained = accelerator.prepare(state.network) if several() else state.network
    progress, batch = state.progress, settings.batch
    main = accelerator.is_main_process
    logs = RunLog(run, progress.step * batch, runtime.tensorboard) if main else None
    bar = progress_bar(settings.steps * batch, progress.step * batch, main)
    started, counted = time.monotonic(), progress.step
    with _stop_signals() as asked, contextlib.closing(bar):
        steps = () if progress.stopped else batches(settings, runtime, data, accelerator, progress.step)
        for step, parts in steps:
            progress.losses.append(update(trained, state, parts, step, settings, accelerator))
            progress.step = step + 1
            seen = progress.step * batch
            bar.update(batch)
            if _passed(settings.score_every, seen, batch) or progress.step == settings.steps:
                rate = (progress.step - counted) * batch / (time.monotonic() - started)
                _score(settings, runtime, run, data, state, accelerator, logs, rate)
                started, counted = time.monotonic(), progress.step
            elif main and runtime.save_every and _passed(runtime.save_every, seen, batch):
                state.save(run)
            if progress.stopped:
                log.info("stopping early: %d scorings without a better tumour Dice", settings.patience)
                break
            if any_process(asked.is_set(), accelerator.device) and progress.step < settings.steps:
                if main:
                    state.save(run)
                    logs.close()
                accelerator.wait_for_everyone()
                raise Interrupted(f"Stopped after {seen} samples; the same command goes on from there.")
    if main:
        logs.close()
    accelerator.wait_for_everyone()
    if several():
        accelerator.end_training()
    return run / "best.pt"


def new_state(settings: FitSettings, accelerator: Accelerator) -> TrainingState:
    network = new_network(settings)
    if several():
        share_out(network)
    network.to(accelerator.device)
    half = autocast_dtype(settings.precision, accelerator.device) is torch.float16
    return TrainingState(
        network,
        WeightAverage(network, settings.average),
        new_optimiser(network, settings),
        torch.amp.GradScaler(accelerator.device.type, enabled=half),
    )


def update(
    trained: nn.Module,
    state: TrainingState,
    parts: list[tuple[Tensor, Tensor]],
    step: int,
    settings: FitSettings,
    accelerator: Accelerator,
) -> Tensor:
    """One update of the weights and of their average; returns the loss of the whole batch, unread."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(step * settings.batch, settings)
    seed_step(settings.seed, step)
    state.network.train()
    state.optimiser.zero_grad(set_to_none=True)
    dtype = autocast_dtype(settings.precision, accelerator.device)
    losses = []
    for number, (images, bits) in enumerate(parts):
        last = number == len(parts) - 1
        with contextlib.nullcontext() if last else accelerator.no_sync(trained):
            with torch.autocast(accelerator.device.type, dtype, enabled=dtype is not torch.float32):
                logits = trained(normalise(images))
            loss = segmentation_loss(logits, bits, settings.tumour_weight, LOSSES[settings.loss], pooled)
            state.scaler.scale(loss / len(parts)).backward()
            losses.append(loss.detach())
    state.scaler.unscale_(state.optimiser)
    nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.average.update(state.network)
    return torch.stack(losses).mean()


def _score(
    settings: FitSettings,
    runtime: Runtime,
    run: Path,
    data: RunData,
    state: TrainingState,
    accelerator: Accelerator,
    logs: RunLog | None,
    rate: float,
) -> None:
    """Score the averaged weights, keep them, draw and log them, and save the state."""
    progress, average = state.progress, state.average.network
    seen = progress.step * settings.batch
    loss = progress.take_mean_loss()
    if math.isnan(loss):
        raise TrainError(
            f"The loss is no number any more, {seen} samples in: lower the --learning-rate, or compute with "
            "--precision fp32. What was saved before is kept."
        )
    scores = score(average, data.validation, settings, accelerator)
    value = chosen_by(scores, settings.select)
    better, progress.best = value > progress.best, max(value, progress.best)
    tumour = chosen_by(scores, "tumour")
    progress.stale = 0 if tumour > progress.best_tumour else progress.stale + 1
    progress.best_tumour = max(tumour, progress.best_tumour)
    progress.stopped = settings.patience is not None and progress.stale >= settings.patience
    if logs is None:
        return
    if better:
        save_weights(run / "best.pt", average, settings, seen, scores)
    save_weights(run / "final.pt", average, settings, seen, scores)
    if runtime.pictures:
        grid = picture_grid(average, data.validation, settings, runtime.pictures, accelerator.device)
        write_picture(run / "pictures" / f"{seen:07d}.png", grid)
        logs.picture(grid, seen)
    rates = {"rate": rate, "learning_rate": learning_rate(seen - settings.batch, settings)}
    logs.line({"samples": seen, "loss": loss, **rates, **scores})
    state.save(run)


def _passed(every: int, seen: int, batch: int) -> bool:
    """Whether a multiple of `every` samples lies in the last batch."""
    return seen // every != (seen - batch) // every


class _Asked:
    """Whether the process was asked to stop."""

    def __init__(self) -> None:
        self.by: int | None = None

    def is_set(self) -> bool:
        return self.by is not None


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Asked]:
    """Note SIGUSR1 (a scheduler's warning) and SIGTERM instead of dying of them, where that is possible."""
    asked = _Asked()

    def note(number: int, _frame: object) -> None:
        asked.by = number

    before = {}
    for number in (signal.SIGUSR1, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: the default stays
            before[number] = signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
