"""Errors of actions as updates of the page."""

from __future__ import annotations

from liverseg.app.page.updates import expired_result, show_errors
from liverseg.app.state.messages import UNEXPECTED_ERROR
from liverseg.errors import UnreadableInput


def test_an_unexpected_error_is_a_general_sentence_on_an_empty_page():
    def fails() -> dict:
        raise RuntimeError("/tmp/upload/MUSTERMANN_ERIKA.dcm")

    updates = show_errors(fails)()
    assert UNEXPECTED_ERROR in updates["problem"] and "MUSTERMANN" not in str(updates)
    assert updates["analysis"] is None and "<img" not in updates["viewer"]


def test_a_refusal_is_shown_unchanged():
    def refuses() -> dict:
        raise UnreadableInput("The file is empty.")

    assert "The file is empty." in show_errors(refuses)()["problem"]


def test_a_page_that_has_shown_nothing_has_nothing_to_expire():
    assert expired_result(False) == {} and expired_result(True)["shown"] is False
