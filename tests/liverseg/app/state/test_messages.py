"""The sentences for errors: refusals unchanged, unexpected errors general and logged without their text."""

from __future__ import annotations

import logging

from liverseg.app.state.messages import UNEXPECTED_ERROR, sentence_for
from liverseg.errors import UnreadableInput


def test_a_refusal_is_its_own_sentence_and_is_not_logged(caplog):
    assert sentence_for(UnreadableInput("The file is empty.")) == "The file is empty."
    assert caplog.text == ""


def test_the_log_of_an_unexpected_error_has_its_class_and_place_but_not_its_text(caplog):
    def fails() -> None:
        raise RuntimeError("/tmp/upload/MUSTERMANN_ERIKA.dcm")

    with caplog.at_level(logging.ERROR):
        try:
            fails()
        except RuntimeError as error:
            assert sentence_for(error) == UNEXPECTED_ERROR
    assert "RuntimeError" in caplog.text and "fails:" in caplog.text and "MUSTERMANN" not in caplog.text
