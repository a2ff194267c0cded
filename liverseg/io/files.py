"""Output files: folders that receive all results at once, and the date stamped on results."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from liverseg.errors import InvalidSetting
from registry.files import temporary_folder, write_atomically

__all__ = ["result_date", "staging_folder", "unwritable_folder", "write_atomically"]

_NUMBER = re.compile(r"_\d{4}(?=\.dcm$)")
_COMPLETION_FILE = "report.json"  # moved last: its presence means that the other files are complete


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder` whose files move to `folder` when the context ends without error.

    Until then the files of an earlier run stay as they are. The temporary folder is removed after an error
    or Ctrl-C; one that a killed process left behind is removed by the next run. Raises `InvalidSetting`
    where the folder cannot be written to.
    """
    try:
        with temporary_folder(folder, ".liverseg-", 0o700) as stage:
            yield stage
            _remove_numbered(folder, {path.name for path in stage.iterdir()})
            # The report of an earlier run would not describe the new files.
            (folder / _COMPLETION_FILE).unlink(missing_ok=True)
            for path in sorted(stage.iterdir(), key=lambda path: (path.name == _COMPLETION_FILE, path.name)):
                os.replace(path, folder / path.name)
    except OSError as error:
        raise unwritable_folder(error) from error


def _remove_numbered(folder: Path, names: set[str]) -> None:
    """Remove numbered files of an earlier run, such as slices, that would mix with those of these names."""
    series = {_NUMBER.sub("_*", name) for name in names if _NUMBER.search(name)}
    for path in [path for pattern in series for path in folder.glob(pattern)]:
        if path.name not in names and _NUMBER.search(path.name):
            path.unlink()


def unwritable_folder(error: OSError) -> InvalidSetting:
    """The exception to raise where writing to the output folder failed; it names no path."""
    reason = (error.strerror or "unknown reason").lower()
    return InvalidSetting(f"The results cannot be written to the output folder: {reason}.")


DATE_VARIABLE = "SOURCE_DATE_EPOCH"
"""Environment variable with seconds since 1970: https://reproducible-builds.org/specs/source-date-epoch/"""


def result_date() -> date:
    """The date stamped on results: today, or the UTC date of `SOURCE_DATE_EPOCH` for reproducible files."""
    try:
        return datetime.fromtimestamp(int(os.environ[DATE_VARIABLE]), UTC).date()
    except (KeyError, ValueError, OverflowError, OSError):
        return date.today()
