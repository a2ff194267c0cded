"""One damaged newest version costs itself alone: calls without a checkpoint go on, page and log say why."""

from __future__ import annotations

import logging
import shutil

import pytest

from liverseg.app.page.checkpoint_list import checkpoint_choices
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.errors import CheckpointRefused
from registry import open_registries
from tests.liverseg.app.rule_checkpoints import write_rule


@pytest.fixture
def folder(tmp_path):
    """`segformer-b0` in the versions 1.0.0 and 1.1.0."""
    for version in ("1.0.0", "1.1.0"):
        where = tmp_path / "models" / "segformer-b0" / version
        write_rule(where, "segformer-b0", version, 88.0, (0.9, 0.4), 0.4)
    return tmp_path / "models"


def truncate(folder):
    model = folder / "segformer-b0" / "1.1.0" / "model.pt"
    model.write_bytes(model.read_bytes()[:-1])


def test_a_damaged_newest_version_is_not_the_default_and_the_page_says_so(folder, caplog):
    truncate(folder)
    own = Checkpoints(open_registries(str(folder)), engine="torch")
    with caplog.at_level(logging.WARNING):
        own.check()
        own.warm_up().join(120)
    assert own.segmenter(None).checkpoint.ref == "segformer-b0@1.0.0"
    assert "segformer-b0@1.1.0 is damaged and not used" in caplog.text
    choices, ref, card = checkpoint_choices(own)
    assert ref == "segformer-b0@1.0.0" and [one for _, one in choices] == [ref]
    assert "models/segformer-b0@1.1.0: The file model.pt of segformer-b0@1.1.0" in card
    assert "segformer-b0@1.0.0 is used instead." in card
    with pytest.raises(CheckpointRefused, match="1.1.0 cannot be used"):
        own.segmenter("segformer-b0@1.1.0")


def test_a_version_that_is_damaged_or_removed_while_serving_is_found_out_and_one_repaired_comes_back(folder):
    own = Checkpoints(open_registries(str(folder)), engine="torch")
    own.list()
    assert own.find(None).ref == "segformer-b0@1.1.0"
    model = folder / "segformer-b0" / "1.1.0" / "model.pt"
    whole = model.read_bytes()
    truncate(folder)
    own.refresh()  # as opening the page does
    assert own.find(None).ref == "segformer-b0@1.0.0"
    model.write_bytes(whole)
    own.refresh()
    assert own.find(None).ref == "segformer-b0@1.1.0" and own.notices() == []
    shutil.rmtree(model.parent)
    assert own.segmenter(None).checkpoint.ref == "segformer-b0@1.0.0"  # without looking again before


def test_an_unreadable_manifest_of_the_newest_version_is_named(folder):
    (folder / "segformer-b0" / "1.1.0" / "manifest.json").write_text("{")
    own = Checkpoints(open_registries(str(folder)), engine="torch")
    own.check()
    (notice,) = own.notices()
    assert notice.startswith("models/segformer-b0/1.1.0: ") and "segformer-b0@1.0.0 is used" in notice
