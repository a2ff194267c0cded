"""The sections of the benchmark, in the order of BENCHMARKS.md. Their modules are imported when they run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.rows import Row
from liverseg.errors import InvalidSetting


@dataclass(frozen=True)
class Context:
    """The settings of a run of a section."""

    scratch: Path  # a temporary folder for the section
    threads: int = 2
    quick: bool = False  # small networks and inputs, to check that everything runs
    tell: Callable[[str], object] = field(default=lambda line: None)  # prints a line of progress


Measure = Callable[[Context], Sequence[Row]]


@dataclass(frozen=True)
class Section:
    """A part of the benchmark."""

    name: str  # for --sections
    title: str  # its heading
    function: str  # "module:function" of a `Measure`
    about: str = ""  # the explanation in BENCHMARKS.md

    def measure(self, context: Context) -> list[Row]:
        """The rows of the section. Raises `NotMeasured` where nothing can be measured on this machine."""
        module, function = self.function.split(":")
        return list(getattr(importlib.import_module(module), function)(context))


SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        Section(
            "slice",
            "One slice",
            "benchmarks.speed.one_slice:measure",
            "From HU to probabilities, 512 × 512, batch 1. Every variant has the same weights: random "
            "weights in networks of the published sizes, and a bundled checkpoint.",
        ),
        Section(
            "share",
            "Share of the machine",
            "benchmarks.speed.arithmetic:measure",
            "The operations of the network alone, divided by the time from HU to probabilities, relative "
            "to the best matrix product of 2048 cubed.",
        ),
        Section(
            "cold",
            "Cold start",
            "benchmarks.speed.cold_start:measure",
            "From `python app.py` to a page that answers, and to the first segmentation of a picture, "
            "compared with an app of 20 lines that imports gradio, torch and transformers and loads the "
            "same weights. Every start is a new process; the two apps alternate.",
        ),
        Section(
            "gpu",
            "On a GPU",
            "benchmarks.speed.gpu:measure",
            "Training, and the torch engine in bfloat16 if the labels of a probe equal those in float32.",
        ),
        Section(
            "scan",
            "From a file to a report",
            "benchmarks.speed.scan:measure",
            "A phantom scan of 119 slices of 512 × 512 is read, segmented, measured and written by a new "
            "process, which also times float32 matrix products. The checkpoint is loaded beforehand.",
        ),
        Section(
            "upload",
            "An upload on the page",
            "benchmarks.speed.upload:measure",
            "From choosing a file until its pictures are shown, in Chromium.",
        ),
        Section(
            "users",
            "Many users",
            "benchmarks.speed.users:measure",
            "Clients of the HTTP API on this machine; each sends its next request when the previous one "
            "is answered. The clients share the processors with the server.",
        ),
        Section(
            "reading",
            "Reading and preparing",
            "benchmarks.speed.reading:measure",
            "The usual script loads float64 with nibabel, windows slice by slice and saves with Pillow in"
            " one process. Both produce the same pictures, pixel by pixel.",
        ),
    )
}


def choose(names: str | None) -> list[Section]:
    """The sections in a comma-separated list, all for None. Raises `InvalidSetting` for an unknown name.

    >>> [section.name for section in choose("share, slice")]
    ['slice', 'share']
    """
    if names is None:
        return list(SECTIONS.values())
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown or not chosen:
        fault = f"There is no section {unknown[0]!r}" if unknown else "No section is named"
        raise InvalidSetting(f"{fault}; there are {', '.join(SECTIONS)}.")
    return [section for name, section in SECTIONS.items() if name in chosen]
