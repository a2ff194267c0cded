"""The training loop: it can be stopped and resumed at any time, on one process or several."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.errors import TrainError
from train.fit.data import RunData, batches, open_data
from train.fit.ema import WeightAverage
from train.fit.logs import ProgressDisplay, RunLog
from train.fit.losses import LOSSES, segmentation_loss
from train.fit.network import new_network
from train.fit.optimiser import autocast_dtype, learning_rate, new_optimiser, seed_step, set_learning_rates
from train.fit.pictures import picture_grid, write_picture
from train.fit.processes import (
    any_process,
    distribute,
    refuse_lost_processes,
    several_processes,
    start_accelerator,
    sum_over_processes,
)
from train.fit.records import run_record
from train.fit.run_folder import adapt_progress, check_settings, claim
from train.fit.scoring import score, selection_value
from train.fit.settings import FitSettings, Runtime
from train.fit.state import NAN_INTERVAL, TrainingState, save_weights
from train.fit.stop_signals import stop_signals
from train.models.graph import normalise

_log = logging.getLogger(__name__)

DEFAULT_RUNTIME = Runtime()


class Interrupted(TrainError):
    """The run was asked to stop and has saved its state; the same command resumes it."""


@dataclass(frozen=True)
class _Run:
    """The fixed parts of a run in one process; `TrainingState` holds what changes."""

    settings: FitSettings
    runtime: Runtime
    folder: Path
    data: RunData
    accelerator: Accelerator
    logs: RunLog | None  # in the main process only
    provenance: dict[str, Any]  # the content of `provenance.json`, in the main process only


def fit(settings: FitSettings, run: Path, runtime: Runtime = DEFAULT_RUNTIME) -> Path:
    """Train until `settings.samples` samples are seen; an existing folder `run` is resumed.

    A resume may change a few settings (`train.fit.run_folder`). Returns the path of `best.pt`. Raises
    `TrainError` when `run` was started with other settings, when the data or settings cannot be used, when
    the loss is not finite, or when another process of the run ends. Raises `Interrupted` after SIGUSR1 or
    SIGTERM.
    """
    accelerator = start_accelerator(settings.batch, settings.accumulate, runtime.threads)
    with refuse_lost_processes():
        settings = check_settings(run, settings)
        data = open_data(settings, runtime, run, accelerator)
        state = new_state(settings, accelerator, resumed=(run / "last.pt").exists())
        state.resume(run)
        adapt_progress(run, settings, state.progress)
        logs, own = None, {}
        if accelerator.is_main_process:
            own = claim(run, settings)
            logs = RunLog(run, state.progress.step * settings.batch, runtime.tensorboard)
        accelerator.wait_for_everyone()
        _train(_Run(settings, runtime, run, data, accelerator, logs, own), state)
        if several_processes():
            accelerator.end_training()
    return run / "best.pt"


def _train(run: _Run, state: TrainingState) -> None:
    """Update, score and save until the run is complete, stops early or is interrupted."""
    settings, accelerator, progress = run.settings, run.accelerator, state.progress
    save_every, batch = run.runtime.save_every, settings.batch
    trained = accelerator.prepare(state.network) if several_processes() else state.network
    bar = ProgressDisplay(settings.steps * batch, progress.step * batch, run.logs is not None)
    clock, first_step = time.monotonic(), progress.step
    check_every = 1 if accelerator.device.type == "cpu" else NAN_INTERVAL
    with stop_signals() as stop, contextlib.closing(bar):
        complete = progress.stopped or progress.step >= settings.steps
        steps = () if complete else batches(settings, run.runtime, run.data, accelerator, progress.step)
        for step, parts in steps:
            progress.losses.append(update(trained, state, parts, step, settings, accelerator))
            progress.step = step + 1
            seen = progress.step * batch
            if progress.step % check_every == 0:
                progress.refuse_nan(progress.step * batch)
            bar.update(batch, lambda: float(progress.losses[-1]))
            if _is_due(settings.score_every, seen, batch) or progress.step == settings.steps:
                progress.refuse_nan(progress.step * batch)
                elapsed = time.monotonic() - clock
                progress.seconds += elapsed
                _score_and_save(run, state, (progress.step - first_step) * batch / elapsed)
                clock, first_step = time.monotonic(), progress.step
                bar.restart()
            elif run.logs and save_every and _is_due(save_every, seen, batch):
                progress.refuse_nan(progress.step * batch)
                state.save(run.folder, time.monotonic() - clock)
            if progress.stopped:
                _log.info("stopping early: %d scorings without a better tumour Dice", settings.patience)
                break
            if any_process(stop.is_set(), accelerator.device) and progress.step < settings.steps:
                progress.refuse_nan(progress.step * batch)
                if run.logs:
                    state.save(run.folder, time.monotonic() - clock)
                    run.logs.close()
                accelerator.wait_for_everyone()
                raise Interrupted(f"Stopped after {seen} samples; the same command resumes the run.")
    if run.logs:
        run.logs.close()
    accelerator.wait_for_everyone()


def new_state(settings: FitSettings, accelerator: Accelerator, resumed: bool = False) -> TrainingState:
    """The state at the start of a run: the network on its device, its average and its optimiser.

    With `resumed` the weights to start from are not read.
    """
    network = new_network(settings, resumed)
    if several_processes():
        distribute(network)
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
    """Update the weights and their average once.

    `trained` is the network of `state`, wrapped for several processes where there are several. Returns the
    loss of the whole batch, a scalar on the device.
    """
    set_learning_rates(state.optimiser, step * settings.batch, settings)
    seed_step(settings.seed, step)
    state.network.train()
    state.optimiser.zero_grad(set_to_none=True)
    dtype = autocast_dtype(settings.precision, accelerator.device)
    loss_terms = LOSSES[settings.loss]
    losses = []
    for number, (images, bits) in enumerate(parts):
        last = number == len(parts) - 1
        with contextlib.nullcontext() if last else accelerator.no_sync(trained):
            with torch.autocast(accelerator.device.type, dtype, enabled=dtype is not torch.float32):
                logits = trained(normalise(images))
            loss = segmentation_loss(logits, bits, settings.tumour_weight, loss_terms, sum_over_processes)
            state.scaler.scale(loss / len(parts)).backward()
            losses.append(loss.detach())
    state.scaler.unscale_(state.optimiser)
    nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.average.update(state.network)
    return torch.stack(losses).mean()


def _score_and_save(run: _Run, state: TrainingState, rate: float) -> None:
    """Score the averaged weights; the main process saves, draws and logs them and saves the state.

    `rate` is the training speed since the last scoring, in samples per second.
    """
    settings, progress, average = run.settings, state.progress, state.average.network
    seen = progress.step * settings.batch
    loss = progress.take_mean_loss()
    scores = score(average, run.data.validation, settings, run.accelerator)
    better = progress.record(
        selection_value(scores, settings.select), selection_value(scores, "tumour"), settings.patience
    )
    if run.logs is None:
        return
    record = run_record(settings, run.data, progress, run.provenance)
    if better:
        save_weights(run.folder / "best.pt", average, settings, seen, scores, record)
    save_weights(run.folder / "final.pt", average, settings, seen, scores, record)
    if run.runtime.pictures:
        grid = picture_grid(
            average, run.data.validation, settings, run.runtime.pictures, run.accelerator.device
        )
        write_picture(run.folder / "pictures" / f"{seen:07d}.png", grid)
        run.logs.picture(grid, seen)
    rates = {"rate": rate, "learning_rate": learning_rate(seen - settings.batch, settings)}
    run.logs.line({"samples": seen, "loss": loss, **rates, **scores})
    state.save(run.folder)


def _is_due(every: int, seen: int, batch: int) -> bool:
    """Whether the last batch reached a multiple of `every` samples."""
    return seen // every != (seen - batch) // every
