"""Cache loaded networks across tests, because loading is slow and most tests only need the results."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from liverseg.inference import engines


@pytest.fixture(scope="session", autouse=True)
def _networks_are_opened_once() -> Iterator[None]:
    """Reuse the engine of an archive that was loaded with the same options; archives are still verified."""
    load, loaded = engines.load, {}

    def load_once(archive: bytes, *args: Any, **options: Any) -> engines.Engine:
        here = importlib.util.find_spec("openvino") is not None  # a test may hide it
        key = (hashlib.sha256(archive).hexdigest(), args, tuple(sorted(options.items())), here)
        if key not in loaded:
            loaded[key] = load(archive, *args, **options)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "load", load_once)
        yield
