from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registry.sample_checkpoint import manifest_for


@pytest.fixture(scope="module")
def archive(archive_for: Callable) -> bytes:
    """The `model.pt` of a tiny network."""
    return archive_for(manifest_for())
