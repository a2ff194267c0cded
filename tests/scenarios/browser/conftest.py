"""One server of the bundled checkpoints for all tests that need nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app_process import AppProcess


@pytest.fixture(scope="session")
def bundled_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app as `make demo` starts it."""
    with AppProcess(tmp_path_factory.mktemp("bundled_app") / "log.txt") as app:
        yield app
