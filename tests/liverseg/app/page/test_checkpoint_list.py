"""The dropdown of checkpoints."""

from __future__ import annotations

from liverseg.app.page.checkpoint_list import checkpoint_choices, refresh_handler, reload_handler


def test_the_selection_is_kept_while_it_exists(checkpoints):
    choices, ref, card = checkpoint_choices(checkpoints)
    refs = [one for _, one in choices]
    assert ref in refs and "Dice" in card
    other = next(one for one in refs if one != ref)
    assert checkpoint_choices(checkpoints, other)[1] == other
    assert checkpoint_choices(checkpoints, "gone@1.0.0")[1] == ref


def test_opening_the_page_selects_the_default_and_refreshing_keeps_the_choice(checkpoints):
    default = checkpoint_choices(checkpoints)[1]
    other = next(ref for _, ref in checkpoint_choices(checkpoints)[0] if ref != default)
    assert reload_handler(checkpoints)()[0]["value"] == default
    assert refresh_handler(checkpoints)(other)[0]["value"] == other
