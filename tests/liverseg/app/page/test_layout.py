"""The page as a whole: its components, its events, and what of it other programs see."""

from __future__ import annotations

import gradio as gr
import pytest

from liverseg.app.page.layout import build
from liverseg.app.page.queues import DRAWING_QUEUE, NETWORK_QUEUE


@pytest.fixture(scope="module")
def page(checkpoints, examples):
    return build(checkpoints, examples)


def test_element_ids_are_unique_and_those_that_scripts_look_up_exist(page):
    ids = [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]
    assert len(ids) == len(set(ids))
    looked_up = (
        "ls-viewer ls-results ls-cancel ls-slice ls-center ls-width ls-opacity ls-threshold ls-controls "
        "ls-input ls-output ls-status ls-slice-note ls-tabs ls-run-again"
    )
    assert set(looked_up.split()) <= set(ids)


def test_only_the_documented_endpoints_are_public(page):
    public = {fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"}
    assert public == {"segment", "compare", "checkpoints"}


def test_one_network_runs_at_a_time_and_drawing_does_not_wait_for_it(page):
    limits = {fn.concurrency_id: fn.concurrency_limit for fn in page.fns.values()}
    assert limits[NETWORK_QUEUE["concurrency_id"]] == 1
    assert limits[DRAWING_QUEUE["concurrency_id"]] == DRAWING_QUEUE["concurrency_limit"] > 1


def test_what_does_not_act_yet_is_hidden(page):
    hidden = {block.elem_id for block in page.blocks.values() if getattr(block, "visible", True) is False}
    assert {"ls-slice", "ls-made-with", "ls-run-again", "ls-series", "ls-lesion-cut", "ls-download"} <= hidden


def test_every_click_on_reject_counts_and_the_views_follow(page):
    (event,) = (fn for fn in page.fns.values() if fn.concurrency_id == "rejecting")
    assert (event.concurrency_limit, event.trigger_mode, event.api_visibility) == (1, "multiple", "private")
    ((block_id, name),) = event.targets
    assert (page.blocks[block_id].elem_id, name) == ("ls-results", "select")
    assert any(fn.trigger_after == event._id for fn in page.fns.values())


def test_the_event_of_a_reject_button_rejects_the_lesion_of_its_number(page, volume_analysis):
    (event,) = (fn for fn in page.fns.values() if fn.concurrency_id == "rejecting")
    controls = (volume_analysis, True, 3, 40, 400, 0.3)
    updates = {
        getattr(block, "elem_id", None): value
        for block, value in event.fn(gr.EventData(None, {"reject": 1}), *controls).items()
    }
    assert "ls-lesion ls-rejected" in updates["ls-results"] and "ls-viewer" in updates
    for wrong in ({"reject": "x"}, {"reject": True}, {"reject": 1.5}, {}, {"reject": 9}):
        (skipped,) = event.fn(gr.EventData(None, wrong), *controls).values()
        assert skipped == gr.skip()
