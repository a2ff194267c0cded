"""The page as a whole: its components, its events, and what of it other programs see."""

from __future__ import annotations

import pytest

from liverseg.app.page.layout import build
from liverseg.app.page.queues import DRAWING_QUEUE, NETWORK_QUEUE


@pytest.fixture(scope="module")
def page(checkpoints, examples):
    return build(checkpoints, examples)


def test_element_ids_are_unique_and_those_that_scripts_look_up_exist(page):
    ids = [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]
    assert len(ids) == len(set(ids))
    assert {"ls-viewer", "ls-results", "ls-cancel", "ls-slice", "ls-center", "ls-width", "ls-opacity"} <= set(
        ids
    )


def test_only_the_documented_endpoints_are_public(page):
    public = {fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"}
    assert public == {"segment", "compare", "checkpoints"}


def test_one_network_runs_at_a_time_and_drawing_does_not_wait_for_it(page):
    limits = {fn.concurrency_id: fn.concurrency_limit for fn in page.fns.values()}
    assert limits[NETWORK_QUEUE["concurrency_id"]] == 1
    assert limits[DRAWING_QUEUE["concurrency_id"]] == DRAWING_QUEUE["concurrency_limit"] > 1
