"""Results that appear in a folder all at once, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from liverseg.errors import InvalidSetting
from registry.files import temporary_folder, write_atomically

__all__ = ["LAST", "day_of_making", "staged", "write_atomically"]

LAST = "report.json"
"""The file that is moved last: where it stands, the others of its run do."""


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder within `folder`, whose files are moved there when the context ends well.

    However it ends, by an error or by Ctrl-C, nothing temporary stays behind, and what a killed process left
    there goes with the next run; until the files are moved those of an earlier run stay as they were. Raises
    `InvalidSetting` where the folder cannot be written to.
    """
    try:
        with temporary_folder(folder, ".liverseg-", 0o700) as stage:
            yield stage
            # That of an earlier run would not be that of the new files.
            (folder / LAST).unlink(missing_ok=True)
            for path in sorted(stage.iterdir(), key=lambda path: (path.name == LAST, path.name)):
                os.replace(path, folder / path.name)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise InvalidSetting(f"The results cannot be written to the output folder: {why}.") from error


VARIABLE = "SOURCE_DATE_EPOCH"
"""Seconds since 1970, as https://reproducible-builds.org/specs/source-date-epoch/ has it."""


def day_of_making() -> date:
    """Today, or the day (UTC) that `SOURCE_DATE_EPOCH` names, so that files can be made again bit by bit."""
    try:
        return datetime.fromtimestamp(int(os.environ[VARIABLE]), UTC).date()
    except (KeyError, ValueError, OverflowError, OSError):
        return date.today()
