"""Example inputs for one click: phantoms, generated into a private folder."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """How an example is generated and shown."""

    label: str
    format: str  # "png" | "nifti" | "dicom"
    arguments: dict[str, Any]  # of `liverseg.phantom.make`


EXAMPLES: dict[str, Example] = {
    "slice": Example("Slice, PNG", "png", {"kind": "slice", "seed": 14}),
    "volume": Example("Volume, NIfTI", "nifti", {"kind": "volume", "seed": 3, "slices": 24, "size": 256}),
    "dicom": Example("Slice, DICOM", "dicom", {"kind": "slice", "seed": 4}),
}
"""By the key that the page uses."""


class Examples:
    """Example files, each generated on first use. Safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.mkdtemp(prefix="liverseg-examples-"))
        self._locks = {key: threading.Lock() for key in EXAMPLES}
        self._paths: dict[str, Path] = {}

    def path(self, key: str) -> Path:
        """The file of an example; generated once, in a few seconds at most."""
        # Imported late, so that the page is served before SciPy, nibabel and pydicom are loaded.
        from liverseg import phantom

        with self._locks[key]:
            if key not in self._paths:
                example = EXAMPLES[key]
                ct = phantom.make(**example.arguments)
                self._paths[key] = phantom.write(ct, self._folder / key, example.format)[0]
            return self._paths[key]

    def warm_up(self, delay_s: float = 0.0) -> threading.Thread:
        """Generate all of them in the background after `delay_s`, so that the first click is quick."""
        thread = threading.Timer(delay_s, lambda: [self.path(key) for key in EXAMPLES])
        thread.daemon = True
        thread.start()
        return thread
