"""The progress bar of the commands that score scans."""

from __future__ import annotations

from collections.abc import Iterator


def scan_progress(scores: Iterator, total: int) -> Iterator:
    """The items of `scores`, with a progress bar on a terminal."""
    from tqdm import tqdm

    return tqdm(scores, total=total, unit="scan", desc="evaluating", disable=None)
