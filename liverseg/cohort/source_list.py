"""Sources given as a list: CSV or Parquet with a column `path` and an optional column `series`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from liverseg.cohort.remote_files import fetched, is_remote, list_files, local_path
from liverseg.errors import UnreadableInput

ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True)
class ListEntry:
    """One row of a list: a file, a folder, or one series of a folder or zip."""

    address: str
    series: int | None = None


def is_list(source: str) -> bool:
    """Whether a source is a list, judged by the ending of its name.

    >>> is_list("s3://bucket/scans.parquet"), is_list("/data/scans")
    (True, False)
    """
    return source.lower().endswith(ENDINGS) and (is_remote(source) or not local_path(source).is_dir())


def read_list(source: str) -> list[ListEntry]:
    """The entries of a list without repetitions; relative paths start at the folder of the list.

    Raises `UnreadableInput` for a file that is not a table, a table without rows or without the column
    `path`, an empty path, or a series that is not a number.
    """
    files = list_files(source)
    with fetched(tuple(files)) as paths:
        content = paths[0].read_bytes()
    try:
        rows = _parquet_rows(content) if source.lower().endswith(".parquet") else _csv_rows(content)
    except UnreadableInput:
        raise
    except Exception as error:
        raise UnreadableInput("The list of inputs is not a CSV or Parquet table that can be read.") from error
    remote = is_remote(source)
    folder = source.rsplit("/", 1)[0] if remote else str(local_path(source).resolve().parent)
    entries = []
    for number, row in enumerate(rows, start=1):
        path = str(row.get("path") or "").strip()
        if not path:
            raise UnreadableInput(f"Row {number} of the list of inputs has no path.")
        if "://" not in path and not PurePosixPath(path).is_absolute():
            path = f"{folder}/{path}"
        entries.append(ListEntry(path, _series_number(row.get("series"), number)))
    if not entries:
        raise UnreadableInput("The list of inputs has no rows.")
    return list(dict.fromkeys(entries))


def _series_number(value: Any, row_number: int) -> int | None:
    """The number in a cell; None for an empty cell (None, "" or NaN)."""
    if value is None or value == "" or value != value:
        return None
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise UnreadableInput(
            f"The series in row {row_number} of the list of inputs is not a number."
        ) from error


def _csv_rows(content: bytes) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    _check_columns(reader.fieldnames or ())
    return list(reader)


def _parquet_rows(content: bytes) -> list[dict[str, Any]]:
    from pyarrow import parquet

    file = parquet.ParquetFile(io.BytesIO(content))
    _check_columns(file.schema_arrow.names)
    columns = [name for name in ("path", "series") if name in file.schema_arrow.names]
    return file.read(columns=columns).to_pylist()


def _check_columns(names: Iterable[str]) -> None:
    if "path" not in names:
        raise UnreadableInput("The list of inputs has no column named path.")
