"""Card, list and result agree while another checkpoint runs and after that failed or was cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from liverseg.app.html import page_text
from liverseg.app.page import switching
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.choices import Choices
from liverseg.app.state.view import RunRequest
from liverseg.errors import CheckpointRefused
from registry import open_registries
from tests.liverseg.app.rule_checkpoints import write_rule

OTHER = "segformer-b0-fast@0.3.0"


def test_a_choice_shows_its_card_and_says_whose_result_is_still_shown(checkpoints, volume_analysis):
    choices = Choices()
    chosen = switching.choose(checkpoints, volume_analysis, OTHER, choices)
    assert choices.checkpoint == OTHER and "0.931" in chosen["card"]
    assert (
        f"{OTHER} is running. Pictures and numbers are still those of segformer-b0@1.0.0."
        in chosen["waiting"]
    )
    own = switching.choose(checkpoints, volume_analysis, "segformer-b0@1.0.0", choices)
    assert own["waiting"] == "" and "0.945" in own["card"]
    assert switching.choose(checkpoints, None, OTHER, choices)["waiting"] == ""
    assert switching.choose(checkpoints, volume_analysis, "no-such", choices)["card"] == ""


def test_a_failed_switch_keeps_the_result_and_sets_the_list_back(checkpoints, volume_analysis):
    choices = Choices(checkpoint=OTHER)
    kept = switching.kept_result(checkpoints, volume_analysis, choices, "It failed.", OTHER)
    assert kept["problem"] == page_text.problem("It failed.") and "analysis" not in kept
    assert kept["checkpoint"] == choices.checkpoint == "segformer-b0@1.0.0" and "0.945" in kept["card"]


def test_a_failed_switch_does_not_undo_a_later_choice(checkpoints, volume_analysis):
    choices = Choices(checkpoint="third@1.0.0")
    kept = switching.kept_result(checkpoints, volume_analysis, choices, "It failed.", OTHER)
    assert set(kept) == {"problem"} and choices.checkpoint == "third@1.0.0"


def test_cancelling_a_switch_keeps_the_result_and_cancelling_an_input_offers_to_run_again(
    checkpoints, volume_analysis
):
    kept = switching.cancel(checkpoints, "switch", volume_analysis, OTHER, Choices(checkpoint=OTHER))
    assert "analysis" not in kept and kept["checkpoint"] == "segformer-b0@1.0.0"
    emptied = switching.cancel(checkpoints, "input", volume_analysis, None, Choices())
    assert emptied["analysis"] is None and emptied["run_again"]["visible"] is True
    assert "The segmentation was cancelled." in emptied["problem"]
    assert switching.cancel(checkpoints, "compare", volume_analysis, None, Choices()) == {}


def test_a_damaged_checkpoint_is_replaced_only_where_the_visitor_did_not_choose_it(tmp_path):
    for version in ("1.0.0", "1.1.0"):
        write_rule(tmp_path / version, "segformer-b0", version, 88.0, (0.9, 0.4), 0.4)
    own = Checkpoints(open_registries(str(tmp_path)), engine="torch")
    own.list()
    (tmp_path / "1.1.0" / "model.pt").write_bytes(b"")
    wanted = RunRequest((), "segformer-b0@1.1.0")
    with pytest.raises(CheckpointRefused, match="truncated"):
        switching.segmenter_or_next(own, replace(wanted, choices=Choices(checkpoint=wanted.checkpoint)))
    segmenter, updates = switching.segmenter_or_next(own, wanted)
    assert segmenter.checkpoint.ref == updates["checkpoint"]["value"] == "segformer-b0@1.0.0"
    assert "segformer-b0@1.0.0 was used, because segformer-b0@1.1.0 is damaged" in updates["problem"]
