"""A source given as a list: CSV or Parquet with a column `path`, and if wanted `series`."""

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
class Row:
    """One row: a file, a folder, or one series of a folder or zip."""

    address: str
    series: int | None = None


def is_list(source: str) -> bool:
    """Whether a source is a list, by the ending of its name.

    >>> is_list("s3://bucket/scans.parquet"), is_list("/data/scans")
    (True, False)
    """
    return source.lower().endswith(ENDINGS) and (is_remote(source) or not local_path(source).is_dir())


def read_list(source: str) -> list[Row]:
    """The rows of a list; a path that is not absolute starts at the list's own folder.

    A row that is there twice counts once. Raises `UnreadableInput` for a list that is none, without the
    column `path`, or with a series that is no number.
    """
    files = list_files(source)
    with fetched(tuple(files)) as paths:
        content = paths[0].read_bytes()
    try:
        records = _parquet(content) if source.lower().endswith(".parquet") else _csv(content)
    except UnreadableInput:
        raise
    except Exception as error:
        raise UnreadableInput("The list of inputs cannot be read; it is no CSV or Parquet table.") from error
    remote = is_remote(source)
    folder = source.rsplit("/", 1)[0] if remote else str(local_path(source).resolve().parent)
    rows = []
    for number, record in enumerate(records, start=1):
        path = str(record.get("path") or "").strip()
        if not path:
            raise UnreadableInput(f"Row {number} of the list of inputs has no path.")
        if "://" not in path and not PurePosixPath(path).is_absolute():
            path = f"{folder}/{path}"
        rows.append(Row(path, _series(record.get("series"), number)))
    if not rows:
        raise UnreadableInput("The list of inputs has no rows.")
    return list(dict.fromkeys(rows))


def _series(value: Any, number: int) -> int | None:
    if value is None or value == "" or value != value:
        return None
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise UnreadableInput(f"Row {number} of the list names a series that is no number.") from error


def _csv(content: bytes) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    _check_columns(reader.fieldnames or ())
    return list(reader)


def _parquet(content: bytes) -> list[dict[str, Any]]:
    from pyarrow import parquet

    file = parquet.ParquetFile(io.BytesIO(content))
    _check_columns(file.schema_arrow.names)
    wanted = [name for name in ("path", "series") if name in file.schema_arrow.names]
    return file.read(columns=wanted).to_pylist()


def _check_columns(names: Iterable[str]) -> None:
    if "path" not in names:
        raise UnreadableInput("The list of inputs has no column named path.")
