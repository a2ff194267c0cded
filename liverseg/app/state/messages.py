"""The sentence that a visitor sees for an error."""

from __future__ import annotations

import logging
import traceback

from liverseg.errors import LiversegError

UNEXPECTED_ERROR = (
    "An unexpected error occurred; the input was not segmented. Try again, or try another file."
)

_log = logging.getLogger(__name__)


def sentence_for(error: Exception) -> str:
    """The sentence that a visitor sees for an error.

    A `LiversegError` has its own sentence. Every other error gets `UNEXPECTED_ERROR`; its class and its place
    in the code are logged, but not its text, which may name files or quote their content.
    """
    if isinstance(error, LiversegError):
        return str(error)
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
    _log.error("unexpected %s at %s", type(error).__name__, " > ".join(places))
    return UNEXPECTED_ERROR
