"""What can be watched while a run goes on: log.csv, TensorBoard, a progress bar on a terminal."""

from __future__ import annotations

import csv
import logging
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from registry.files import atomic_path

log = logging.getLogger("train.fit")


class RunLog:
    """A line a scoring in `log.csv` and in TensorBoard's events; lines after `seen` are forgotten."""

    def __init__(self, run: Path, seen: int, tensorboard: bool) -> None:
        self.path = run / "log.csv"
        self._forget(seen)
        self._writer = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(run / "tensorboard", purge_step=seen + 1)

    def line(self, values: dict[str, float]) -> None:
        """Add a scoring; `values["samples"]` is when it was."""
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, values)
            if new:
                writer.writeheader()
            writer.writerow(
                {name: value if name == "samples" else f"{value:.7g}" for name, value in values.items()}
            )
        if self._writer:
            for name, value in values.items():
                if name != "samples":
                    self._writer.add_scalar(name, value, values["samples"])
            self._writer.flush()
        log.info("%s", "  ".join(f"{name} {value:.6g}" for name, value in values.items()))

    def picture(self, rgb: np.ndarray, seen: int) -> None:
        """Add a picture (H, W, 3) uint8 to TensorBoard."""
        if self._writer:
            self._writer.add_image("validation", rgb, seen, dataformats="HWC")

    def close(self) -> None:
        if self._writer:
            self._writer.close()

    def _forget(self, seen: int) -> None:
        """A run killed between its log and its state scores again what it has logged already."""
        if not self.path.exists():
            return
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if not rows:  # killed before its first line was written
            self.path.unlink()
            return
        header, lines = rows[0], rows[1:]
        place = header.index("samples")
        kept = [line for line in lines if len(line) == len(header) and int(line[place]) <= seen]
        if kept == lines:
            return
        with atomic_path(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *kept])


def progress_bar(total: int, seen: int, main: bool) -> tqdm:
    """Samples seen, on a terminal only: a log file wants no bar."""
    return tqdm(
        total=total, initial=seen, unit=" samples", disable=not (main and sys.stderr.isatty()), smoothing=0.1
    )
