"""The log of a run: `log.csv`, TensorBoard events and a progress bar."""

from __future__ import annotations

import csv
import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
from tqdm import tqdm

from registry.files import atomic_path

_log = logging.getLogger(__name__)

LINE_INTERVAL_S = 60.0
"""Time between the lines of progress in a log that is not a terminal."""


class RunLog:
    """Writes one line per scoring to `log.csv` and to TensorBoard.

    `seen` is the number of samples that the run had seen when it was last saved. Lines after it are
    removed: a run that was killed between its log and its state repeats those scorings.
    """

    def __init__(self, run: Path, seen: int, tensorboard: bool) -> None:
        self.path = run / "log.csv"
        self._remove_lines_after(seen)
        self._writer = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(run / "tensorboard", purge_step=seen + 1)

    def line(self, values: dict[str, float]) -> None:
        """Add one scoring; `values["samples"]` is the number of samples seen."""
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
        _log.info("%s", "  ".join(f"{name} {value:.6g}" for name, value in values.items()))

    def picture(self, rgb: np.ndarray, seen: int) -> None:
        """Add a picture (H, W, 3) uint8 to TensorBoard."""
        if self._writer:
            self._writer.add_image("validation", rgb, seen, dataformats="HWC")

    def close(self) -> None:
        """Close the TensorBoard writer."""
        if self._writer:
            self._writer.close()

    def _remove_lines_after(self, seen: int) -> None:
        if not self.path.exists():
            return
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if not rows:  # the run was killed before it wrote the header
            self.path.unlink()
            return
        header, lines = rows[0], rows[1:]
        column = header.index("samples")
        kept = [line for line in lines if len(line) == len(header) and int(line[column]) <= seen]
        if kept == lines:
            return
        with (
            atomic_path(self.path, sole_writer=True) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([header, *kept])


class ProgressDisplay:
    """The samples seen: a bar on a terminal, elsewhere a line a minute; only in the main process.

    A line has the samples, the loss, the rate since the last line and the time left at that rate.
    """

    def __init__(
        self, total: int, seen: int, main: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._seen, self._clock = total, seen, clock
        self._shown, self._shown_at = seen, clock()
        self._lines = main and not sys.stderr.isatty()
        self._bar = tqdm(
            total=total, initial=seen, unit=" samples", disable=not main or self._lines, smoothing=0.1
        )

    def update(self, samples: int, loss: Callable[[], float]) -> None:
        """Count `samples` more; `loss` is called where a line shows it."""
        self._seen += samples
        self._bar.update(samples)
        seconds = self._clock() - self._shown_at
        if not self._lines or seconds < LINE_INTERVAL_S:
            return
        rate = (self._seen - self._shown) / seconds
        left = timedelta(seconds=round((self._total - self._seen) / rate))
        _log.info(
            "samples %s of %s  loss %.4f  rate %.1f/s  %s left",
            f"{self._seen:,}", f"{self._total:,}", loss(), rate, left,
        )  # fmt: skip
        self.restart()

    def restart(self) -> None:
        """Begin the next interval now, so that the rate leaves out what was done since the last update."""
        self._shown, self._shown_at = self._seen, self._clock()

    def close(self) -> None:
        self._bar.close()
