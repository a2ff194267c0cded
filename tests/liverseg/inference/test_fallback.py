"""A damaged checkpoint costs itself alone."""

from __future__ import annotations

import logging
import shutil

import pytest

from liverseg.errors import CheckpointRefused
from liverseg.inference.segmenter import Segmenter
from registry import open_registries
from tests.liverseg.app.rule_checkpoints import write_versions


@pytest.fixture
def folder(tmp_path):
    return write_versions(tmp_path / "models")


def damage(folder, version):
    model = folder / "rule" / version / "model.pt"
    model.write_bytes(model.read_bytes()[:-1])


def test_without_a_version_the_newest_undamaged_one_is_loaded_and_the_log_says_so(folder, caplog):
    damage(folder, "1.1.0")
    with caplog.at_level(logging.WARNING):
        loaded = Segmenter.load("rule", engine="torch", registries=open_registries(str(folder)))
    assert loaded.checkpoint.ref == "rule@1.0.0"
    (record,) = caplog.records
    assert record.getMessage().startswith("checkpoint rule@1.1.0 is damaged and not used: The file model.pt")


def test_a_folder_that_is_gone_counts_as_damaged(folder):
    registries = open_registries(str(folder))
    assert registries.find("rule").ref == "rule@1.1.0"
    shutil.rmtree(folder / "rule" / "1.1.0")
    loaded = Segmenter.load("rule", engine="torch", registries=registries)
    assert loaded.checkpoint.ref == "rule@1.0.0"


def test_a_damaged_version_that_was_asked_for_is_refused(folder):
    damage(folder, "1.1.0")
    with pytest.raises(CheckpointRefused, match="truncated"):
        Segmenter.load("rule@1.1.0", engine="torch", registries=open_registries(str(folder)))


def test_where_every_version_is_damaged_the_reason_of_the_newest_is_given(folder):
    for version in ("1.0.0", "1.1.0"):
        damage(folder, version)
    with pytest.raises(CheckpointRefused, match="rule@1.1.0 .* truncated"):
        Segmenter.load("rule", engine="torch", registries=open_registries(str(folder)))
