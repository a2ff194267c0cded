"""The built-in examples: phantoms with their truth, generated once and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from liverseg.app.state.example_list import Example, ExampleFiles, ExampleList
from liverseg.errors import UnreadableInput
from registry.files import temporary_folder

GENERATOR = 1
"""Raised when the phantoms of the same seeds change, so that files generated before are not used."""

RECORD = "files.json"
"""Names and sha256 of the generated files."""

_placing = threading.Lock()
"""Held while files are put in place, so that no thread removes what another one has just stored."""


@dataclass(frozen=True)
class PhantomExample:
    """How a built-in example is generated."""

    title: str
    format: str  # "png" | "nifti" | "dicom"
    arguments: Mapping[str, Any]  # of `liverseg.phantom.make`


_VOLUME = {"kind": "volume", "size": 256}

PHANTOMS: dict[str, PhantomExample] = {
    "lesions": PhantomExample(
        "Three tumours", "nifti", {**_VOLUME, "seed": 5167, "slices": 78, "spacing_mm": (2.5, 1.5, 1.5)}
    ),
    "healthy": PhantomExample(
        "Healthy liver", "nifti", {**_VOLUME, "seed": 557, "slices": 74, "spacing_mm": (2.5, 1.5, 1.5)}
    ),
    "slice": PhantomExample("Single slice, DICOM", "dicom", {"kind": "slice", "seed": 14}),
}
"""By key, in the order of the page; the page opens with the first."""


def built_in(folder: Path) -> ExampleList:
    """The built-in examples, which keep their files below `folder`."""
    return ExampleList(
        tuple(
            Example(key, phantom.title, partial(phantom_files, phantom, folder))
            for key, phantom in PHANTOMS.items()
        )
    )


def phantom_files(phantom: PhantomExample, folder: Path) -> ExampleFiles:
    """The files of a phantom; they are generated where they are missing or differ from their record.

    Raises `UnreadableInput` where they cannot be stored.
    """
    described = [GENERATOR, phantom.format, dict(phantom.arguments)]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    home = folder / "phantoms" / digest[:32]
    files = _verified(home)
    if files is None:
        try:
            _generate(phantom, home)
        except OSError as error:
            raise UnreadableInput("The example cannot be stored: its folder may not be written.") from error
        files = _verified(home)
    if files is None:
        raise UnreadableInput("The example was damaged while it was stored.")
    return files


def _verified(home: Path) -> ExampleFiles | None:
    """The files of a folder if all have their recorded sha256. The record lists the labels last."""
    try:
        record = json.loads((home / RECORD).read_bytes())
        paths = []
        for name, digest in record:
            data = (home / Path(name).name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                return None
            paths.append(str(home / Path(name).name))
    except (OSError, ValueError, TypeError):
        return None
    return ExampleFiles(tuple(paths[:-1]), paths[-1]) if len(paths) > 1 else None


def _generate(phantom: PhantomExample, home: Path) -> None:
    # Imported late, so that the page is served before SciPy, nibabel and pydicom are loaded.
    from liverseg import phantom as generator

    home.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(home.parent, ".making-", 0o700) as stage:
        made = generator.make(**phantom.arguments)
        paths = generator.write(made, stage / "new", phantom.format)
        record = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
        (stage / "new" / RECORD).write_text(json.dumps(record), encoding="utf-8")
        with _placing:
            if _verified(home) is None:  # missing or damaged; another thread may have made it meanwhile
                shutil.rmtree(home, ignore_errors=True)
                os.rename(stage / "new", home)
