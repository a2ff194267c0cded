"""Import the peers that liverseg is compared with, and other optional packages."""

from __future__ import annotations

import importlib
from types import ModuleType

from benchmarks.speed.rows import NotMeasured

EXTRA = "bench"
"""The extra of pyproject.toml that installs the peers."""


def need(name: str) -> ModuleType:
    """The module `name`. Raises `NotMeasured`, with the command that installs it, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = (error.name or name).split(".")[0]
        install = f"pip install --constraint constraints.txt '.[train,{EXTRA}]'"
        raise NotMeasured(f"{package} is not installed, {install} brings it") from error
