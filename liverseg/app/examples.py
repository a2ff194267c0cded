"""Examples for one click, made by our own phantom generator into a private folder."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """What an example is made of."""

    label: str
    format: str  # "png" | "nifti" | "dicom"
    making: dict[str, Any]  # arguments of `liverseg.phantom.make`


EXAMPLES: dict[str, Example] = {
    "slice": Example("Slice, PNG", "png", {"kind": "slice", "seed": 14}),
    "volume": Example("Volume, NIfTI", "nifti", {"kind": "volume", "seed": 3, "slices": 24, "size": 256}),
    "dicom": Example("Slice, DICOM", "dicom", {"kind": "slice", "seed": 4}),
}
"""Each by the key that the page uses."""


class Examples:
    """Example files, each made when it is first asked for. Safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.mkdtemp(prefix="liverseg-examples-"))
        self._locks = {key: threading.Lock() for key in EXAMPLES}
        self._paths: dict[str, Path] = {}

    def path(self, key: str) -> Path:
        """The file of an example; made once, in seconds at most."""
        # Imported late: the page is served before SciPy, nibabel and pydicom are there.
        from liverseg import phantom

        with self._locks[key]:
            if key not in self._paths:
                example = EXAMPLES[key]
                made = phantom.make(**example.making)
                self._paths[key] = phantom.write(made, self._folder / key, example.format)[0]
            return self._paths[key]

    def warm_up(self, delay_s: float = 0.0) -> threading.Thread:
        """Make all of them in the background, from `delay_s` on, so that the first click is quick."""
        thread = threading.Timer(delay_s, lambda: [self.path(key) for key in EXAMPLES])
        thread.daemon = True
        thread.start()
        return thread
