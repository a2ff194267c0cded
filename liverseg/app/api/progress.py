"""The progress of a run, as clients of the endpoints see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liverseg.inference.progress import ProgressCallback

ShowProgress = Callable[..., Any]
"""gradio's `Progress`: called with a fraction or a pair (done, count), `desc` and `unit`."""


def run_progress(show: ShowProgress, loading: bool, runs: int = 1) -> ProgressCallback:
    """A callback that shows the slices done of one or several runs after each other, on one input.

    Until the first slice it shows that the checkpoint is loaded, if `loading`, or the input is read.
    """
    show(0, desc="Waiting for the checkpoint" if loading else "Reading")
    finished = last = 0

    def slices_done(done: int, count: int) -> None:
        nonlocal finished, last
        finished += done <= last  # within a run it only increases: the next run has started
        last = done
        show((finished * count + done, runs * count), desc="Segmenting", unit="slices")

    return slices_done
