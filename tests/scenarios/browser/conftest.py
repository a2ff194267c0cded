"""A server with the bundled checkpoints, shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app_process import AppProcess


@pytest.fixture(scope="session")
def bundled_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app in the default configuration, as `make demo` starts it."""
    with AppProcess(tmp_path_factory.mktemp("bundled_app") / "log.txt") as app:
        yield app
