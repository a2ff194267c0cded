"""The slices that a run trains on and is scored on, and the training samples of each process.

Samples are numbered through the whole run. Update `step` uses the `batch` numbers from `step * batch`. They
are split into `accumulate` parts, and the samples of each part are dealt to the processes in rotation. The
samples of an update therefore do not depend on the number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader

from liverseg.core.cpu import usable_processors
from train.data.dataset import DatasetFolder, SlicesInMemory
from train.data.folds import dataset_folds
from train.data.pack import Pack, default_cache, pack
from train.errors import TrainError
from train.fit.network import input_channels
from train.fit.optimiser import resolution
from train.fit.settings import FitSettings, Runtime
from train.sampling.channels import span_of
from train.sampling.hard_slices import HardSampler, hard_sampler
from train.sampling.resident_samples import ResidentSamples
from train.sampling.samples import Samples, SampleSettings, SampleSource

MOST_WORKERS = 16
"""Loader processes of one training process, unless `--workers` asks for more."""


@dataclass(frozen=True)
class RunData:
    """The training slices of each dataset, and the slices that the run is scored on."""

    sources: tuple[SampleSource, ...]
    validation: SlicesInMemory
    hard: tuple[HardSampler, ...] = ()


def open_data(settings: FitSettings, runtime: Runtime, run: Path, accelerator: Accelerator) -> RunData:
    """Pack and open every dataset of the settings.

    The main process packs first, then the first process of each node, because a cache folder may be on a
    disk that only one node can read. All other processes wait and then read the packed files.

    Without `Runtime.cache` the packs are in the folder that all runs share, or in `cache` in the run folder
    if an older version put them there. Raises `TrainError` when a dataset or a split is missing.
    """
    own_cache = run / "cache"
    cache = Path(runtime.cache) if runtime.cache else own_cache if own_cache.is_dir() else default_cache()
    scored = settings.validation or settings.data[0][0]
    paths = dict.fromkeys([path for path, _, _ in settings.data] + [scored])
    with accelerator.main_process_first(), accelerator.local_main_process_first():
        packs = {path: pack(DatasetFolder.open(path), cache) for path in paths}
    splits = {path: _own_splits(opened) for path, opened in packs.items()}
    if settings.folds:
        splits[scored] = _fold_splits(packs[scored], settings)
    sources = []
    for path, share, lesions in settings.data:
        train = splits[path]["train"]
        if not train:
            raise TrainError(f"{packs[path].folder.name} has no scans to train on.")
        sources.append(SampleSource(packs[path].slices(train), share, lesions))
    if not splits[scored]["val"]:
        raise TrainError(f"{packs[scored].folder.name} has no scans to score on.")
    trained = [source.slices for source in sources]
    hard = tuple(hard_sampler(Path(path), share, trained) for path, share in settings.hard)
    return RunData(tuple(sources), packs[scored].slices(splits[scored]["val"]), hard)


def batches(
    settings: FitSettings, runtime: Runtime, data: RunData, accelerator: Accelerator, first_step: int
) -> Iterator[tuple[int, list[tuple[Tensor, Tensor]]]]:
    """Each step from `first_step` to the end of the run, with this process's parts of its batch.

    A part is images (n, channels, crop, crop) float32 in [0, 1] and label bits (n, crop, crop) uint8, on
    the device of the process.
    """
    device = accelerator.device
    where = settings.augment_on
    if where == "auto":
        where = "cpu" if device.type == "cpu" else "device"
    on_device = where != "cpu"
    samples = new_samples(settings, data, where)
    loader = DataLoader(
        samples,
        batch_sampler=list(
            _sample_numbers(settings, first_step, accelerator.process_index, accelerator.num_processes)
        ),
        num_workers=loader_workers(runtime, accelerator),
        collate_fn=samples.collate if on_device else None,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # keeps the loader from drawing from torch's global generator
    )
    parts: list[tuple[Tensor, Tensor]] = []
    step = first_step
    for loaded in loader:
        if on_device:
            parts.append(samples.cut(loaded, device))
        else:
            images, bits = loaded
            parts.append((images.to(device, non_blocking=True), bits.to(device, non_blocking=True)))
        if len(parts) == settings.accumulate:
            yield step, parts
            step, parts = step + 1, []


def new_samples(settings: FitSettings, data: RunData, where: str) -> Samples:
    """The samples of a run; `where` is "cpu", "device" or "resident", as in `FitSettings.augment_on`."""
    sample_settings = SampleSettings(
        span_of(settings.windows),
        settings.view,
        settings.context_slices,
        input_channels(settings),
        settings.shares,
        settings.paste,
    )
    if where == "resident":
        return ResidentSamples(data.sources, sample_settings, settings.seed, data.hard)
    return Samples(data.sources, sample_settings, settings.seed, where == "device", data.hard)


def loader_workers(runtime: Runtime, accelerator: Accelerator) -> int:
    """The number of loader processes of this process.

    By default it is one beside a CPU, which is far slower than its loader, and beside a GPU all processors
    but one that the process may use, up to `MOST_WORKERS`; none where there is only one processor.
    """
    if runtime.workers is not None:
        return runtime.workers
    local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
    spare = max(usable_processors() // local_processes - 1, 0)
    return min(spare, 1 if accelerator.device.type == "cpu" else MOST_WORKERS)


def _sample_numbers(
    settings: FitSettings, first_step: int, process: int, processes: int
) -> Iterator[list[tuple[int, float]]]:
    """For each part of each step, the sample numbers of one process and the step's share of resolution."""
    part = settings.batch // settings.accumulate
    for step in range(first_step, settings.steps):
        scale = resolution(step, settings)
        for start in range(step * settings.batch, (step + 1) * settings.batch, part):
            yield [(number, scale) for number in range(start + process, start + part, processes)]


def _own_splits(opened: Pack) -> dict[str, set[str]]:
    """The scans of the dataset's own train and val splits."""
    return {split: {row.scan for row in opened.rows if row.split == split} for split in ("train", "val")}


def _fold_splits(opened: Pack, settings: FitSettings) -> dict[str, set[str]]:
    """The scans of the chosen fold as "val" and of all other folds as "train".

    Fold 0 is the dataset's own val split.
    """
    folds = dataset_folds(opened.folder, settings.folds, settings.groups)
    held_out = folds[settings.fold]
    return {"train": set().union(*folds) - held_out, "val": held_out}
