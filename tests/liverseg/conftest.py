"""A network is opened once: most tests care for what a checkpoint answers, not for how often it is opened."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from liverseg.inference import engines


@pytest.fixture(scope="session", autouse=True)
def _networks_are_opened_once() -> Iterator[None]:
    """The same archive, opened in the same way, is the same engine; the archive is verified every time."""
    load, opened = engines.load, {}

    def load_once(archive: bytes, *args: Any, **options: Any) -> engines.Engine:
        here = importlib.util.find_spec("openvino") is not None  # a test may hide it
        key = (hashlib.sha256(archive).hexdigest(), args, tuple(sorted(options.items())), here)
        if key not in opened:
            opened[key] = load(archive, *args, **options)
        return opened[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "load", load_once)
        yield
