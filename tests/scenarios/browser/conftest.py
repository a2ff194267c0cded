"""Servers that the tests share: one with the bundled checkpoints, one with small ones that follow a rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app_process import AppProcess
from tests.liverseg.app.example_folder import write_examples
from tests.liverseg.app.rule_checkpoints import write_registry


@pytest.fixture(scope="session")
def bundled_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app in the default configuration, as `make demo` starts it."""
    with AppProcess(tmp_path_factory.mktemp("bundled_app") / "log.txt") as app:
        yield app


@pytest.fixture(scope="session")
def rule_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of `rule_app`."""
    return write_registry(tmp_path_factory.mktemp("rule_checkpoints"))


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The folders in which `rule_app` may store files, by environment variable."""
    return {name: str(tmp_path_factory.mktemp(name)) for name in ("TMPDIR", "LIVERSEG_CACHE", "HF_HOME")}


@pytest.fixture(scope="session")
def rule_app(
    rule_registry: Path, storage: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppProcess]:
    """The app with checkpoints whose results follow a rule."""
    log = tmp_path_factory.mktemp("rule_app") / "log.txt"
    with AppProcess(log, LIVERSEG_REGISTRY=str(rule_registry), **storage) as app:
        yield app


@pytest.fixture(scope="session")
def example_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app with small examples of its own, which it has prepared with a checkpoint that follows a rule."""
    folder = tmp_path_factory.mktemp("examples")
    settings = {
        "LIVERSEG_REGISTRY": str(write_registry(folder / "checkpoints")),
        "LIVERSEG_EXAMPLES": str(write_examples(folder / "examples")),
        "LIVERSEG_CACHE": str(folder / "cache"),
    }
    with AppProcess(folder / "log.txt", **settings) as app:
        yield app
