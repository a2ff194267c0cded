"""The day that results carry: the only thing in them, times aside, that is not the input's."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

VARIABLE = "SOURCE_DATE_EPOCH"
"""Seconds since 1970, as https://reproducible-builds.org/specs/source-date-epoch/ has it."""


def day_of_making() -> date:
    """Today, or the day (UTC) that `SOURCE_DATE_EPOCH` names, so that files can be made again bit by bit."""
    try:
        return datetime.fromtimestamp(int(os.environ[VARIABLE]), UTC).date()
    except (KeyError, ValueError, OverflowError, OSError):
        return date.today()
