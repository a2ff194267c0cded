"""Training samples per second: `python -m train fit` against a plain script with the Hugging Face Trainer.

Both train SegFormer-B0 with the published decode head on the same pictures at the same size and batch, in
turn in one process. The plain script does the usual: it opens PNGs with PIL one by one, resizes and
normalises them in numpy like SegFormer's image processor, and trains `SegformerForSemanticSegmentation` with
its own loss on full-size logits and the defaults of `Trainer` (float32, no loader processes). `train fit`
also samples slices, paints lesions, augments and averages weights.

    python -m benchmarks.fit --size 256 --batch 16 --steps 6 --rounds 3 --json fit.json

Quote the ratio; the times depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from train.__main__ import main as run_command
from train.data.dataset import DatasetFolder
from train.fit.data import batches, open_data
from train.fit.loop import new_state, update
from train.fit.processes import start_accelerator
from train.fit.settings import FitSettings, Runtime
from train.provenance import hardware

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WARM_UP = 1
"""Updates before the measurement starts."""


@dataclass(frozen=True)
class Workload:
    """What both scripts train in a round."""

    data: Path
    size: int = 256
    batch: int = 16
    steps: int = 6
    workers: int = 1  # loader processes of `train fit`; the plain script has none


class PngPairs(Dataset):
    """The plain script's dataset: each item is opened, resized and normalised on access."""

    def __init__(self, folder: DatasetFolder, size: int, count: int) -> None:
        rows = [row for row in folder.rows if row.split == "train"]
        self.pairs = [
            (folder.folder / "images" / f"{row.name}.png", folder.folder / "labels" / f"{row.name}.png")
            for row in rows
        ]
        self.size, self.count = size, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        image, mask = self.pairs[number % len(self.pairs)]
        size = (self.size, self.size)
        rgb = np.asarray(Image.open(image).convert("RGB").resize(size, Image.Resampling.BILINEAR))
        labels = np.asarray(Image.open(mask).resize(size, Image.Resampling.NEAREST))
        scaled = (rgb.astype(np.float32) / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
        return {"pixel_values": scaled.transpose(2, 0, 1), "labels": labels.astype(np.int64)}


def plain_rate(work: Workload) -> float:
    """Samples per second of the plain script."""
    from transformers import (
        PrinterCallback,
        SegformerConfig,
        SegformerForSemanticSegmentation,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            _synchronise()
            ends.append(time.perf_counter())

    steps = WARM_UP + work.steps
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            per_device_train_batch_size=work.batch,
            max_steps=steps,
            learning_rate=6e-5,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        dataset = PngPairs(DatasetFolder.open(work.data), work.size, steps * work.batch)
        network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=3))  # B0 is its default
        trainer = Trainer(network, arguments, train_dataset=dataset, callbacks=[Clock()])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return work.steps * work.batch / (ends[-1] - ends[WARM_UP - 1])


def our_rate(work: Workload) -> float:
    """Samples per second of `train fit`."""
    settings = FitSettings(
        data=((str(work.data), 1.0, 0.3),),
        samples=(WARM_UP + work.steps) * work.batch,
        batch=work.batch,
        crop=work.size,
        working_range=(max(32, round(work.size * 0.88)), round(work.size * 1.56)),
    )
    runtime = Runtime(workers=work.workers, cache=str(work.data / "cache"))
    accelerator = start_accelerator(settings.batch, settings.accumulate, torch.get_num_threads())
    data = open_data(settings, runtime, work.data, accelerator)
    state = new_state(settings, accelerator)
    ends = []
    for step, parts in batches(settings, runtime, data, accelerator, 0):
        update(state.network, state, parts, step, settings, accelerator)
        _synchronise()
        ends.append(time.perf_counter())
    return work.steps * work.batch / (ends[-1] - ends[WARM_UP - 1])


def compare_scripts(work: Workload, rounds: int) -> dict:
    """Run both scripts in turn, `rounds` times each; returns the rates, their medians and the ratio."""
    rates: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(rounds):
        rates["plain"].append(plain_rate(work))
        rates["ours"].append(our_rate(work))
    median = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "architecture": "segformer-b0",
        "size": work.size,
        "batch": work.batch,
        "steps": work.steps,
        "samples_per_second": {name: [_rounded(v) for v in values] for name, values in rates.items()},
        "median": {name: _rounded(value) for name, value in median.items()},
        "ratio": _rounded(median["ours"] / median["plain"]),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _rounded(value: float) -> float:
    """Four significant digits, so that slow rates keep their ratio."""
    return float(f"{value:.4g}")


def rates_table(result: dict) -> str:
    """The result of `compare_scripts` as a Markdown table."""
    lines = ["| recipe | samples a second (median) | ratio |", "| --- | --- | --- |"]
    for name, title in (("plain", "Hugging Face Trainer script"), ("ours", "`train fit`")):
        ratio = result["median"][name] / result["median"]["plain"]
        lines.append(f"| {title} | {result['median'][name]:.2f} | {ratio:.2f} |")
    return "\n".join(lines)


def _synchronise() -> None:
    """Wait until the GPU, if there is one, has finished its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset of 8-bit PNGs (default: phantoms, made now)")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = args.data
        if data is None:
            data = Path(folder) / "phantoms"
            run_command(["prepare", "phantom:12", str(data)])
        result = compare_scripts(Workload(data, args.size, args.batch, args.steps, args.workers), args.rounds)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(rates_table(result))


if __name__ == "__main__":
    main()
