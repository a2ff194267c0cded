"""What liverseg is measured against, and `train`, which the app does without: asked for by name."""

from __future__ import annotations

import importlib
from types import ModuleType

from benchmarks.speed.rows import NotMeasured

EXTRA = "bench"
"""The extra of pyproject.toml that installs the peers."""


def need(name: str) -> ModuleType:
    """The module `name`; raises `NotMeasured`, naming what to install, where it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = (error.name or name).split(".")[0]
        install = f"pip install --constraint constraints.txt '.[train,{EXTRA}]'"
        raise NotMeasured(f"{package} is not installed, {install} brings it") from error
