"""The tables of a cohort, in CSV and Parquet: one row per scan, per lesion and per failed input.

They hold no patient data and no path: `key` names the folder of a result, `input_sha256` its input.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.analysis.report import CSV_COLUMNS, json_value
from liverseg.cohort.result_store import Store
from liverseg.io.files import write_atomically

if TYPE_CHECKING:
    import pyarrow

    from liverseg.analysis.report import Report

SCAN_COLUMNS: dict[str, str] = {
    "key": "string", "input_sha256": "string", "format": "string", "kind": "string",
    "slices": "int64", "rows": "int64", "columns": "int64",
    "slice_spacing_mm": "double", "row_spacing_mm": "double", "column_spacing_mm": "double",
    "spacing_source": "string", "checkpoint": "string", "checkpoint_sha256": "string", "engine": "string",
    "tumour_threshold": "double", "liver_count": "int64", "liver_ml": "double", "liver_mm2": "double",
    "tumour_count": "int64", "tumour_ml": "double", "tumour_mm2": "double",
    "tumour_share_of_liver": "double",
    "lesions": "int64", "measurable_lesions": "int64", "longest_diameter_mm": "double",
    "removed_bodies": "int64", "skipped_slices": "int64", "warnings": "string",
    "fetch_s": "double", "read_s": "double", "network_s": "double", "measure_s": "double",
    "write_s": "double",
    "unsure_lesions": "int64", "unsure_count": "int64", "unsure_ml": "double", "unsure_mm2": "double",
    "lesion_cut": "double",
}  # fmt: skip
"""Columns of `scans.csv` and their types in `scans.parquet`. Counts are voxels, or pixels of a slice.

Tumour and lesions are the likely ones (`core.lesion_candidates`); the last columns are of the unsure ones.
"""

_LESION_TYPES = dict.fromkeys(
    ("lesion", "first_slice", "last_slice", "pixels", "voxels", "diameter_slice"), "int64"
) | dict.fromkeys(("measurable", "touches_edge", "touches_liver", "likely"), "bool")
LESION_COLUMNS = {"key": "string", "input_sha256": "string"} | {
    name: _LESION_TYPES.get(name, "double") for name in CSV_COLUMNS
}
FAILURE_COLUMNS = {"input": "string", "kind": "string", "reason": "string", "attempts": "int64"}

WARNING_SEPARATOR = " | "
_BATCH_ROWS = 5000  # rows held in memory


def scan_row(key: str, report: Report, times: dict[str, float]) -> dict[str, Any]:
    """The row of a result in the table of scans; `times` are the columns in seconds."""
    slices, rows, columns = report.input.shape
    spacing = report.input.spacing_mm or (None, None, None)
    diameters_mm = [
        lesion.longest_diameter_mm
        for lesion in report.likely_lesions
        if lesion.longest_diameter_mm is not None
    ]
    decision = report.decision
    row = {
        "key": key,
        "input_sha256": report.input.sha256,
        "format": report.input.source_format,
        "kind": report.input.kind,
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "slice_spacing_mm": spacing[0],
        "row_spacing_mm": spacing[1],
        "column_spacing_mm": spacing[2],
        "spacing_source": report.input.spacing_source,
        "checkpoint": report.checkpoint.ref,
        "checkpoint_sha256": report.checkpoint.sha256,
        "engine": report.engine,
        "tumour_threshold": report.tumour_threshold,
        "liver_count": report.liver.count,
        "liver_ml": report.liver.volume_ml,
        "liver_mm2": report.liver.area_mm2,
        "tumour_count": report.tumour.count,
        "tumour_ml": report.tumour.volume_ml,
        "tumour_mm2": report.tumour.area_mm2,
        "tumour_share_of_liver": report.tumour_share_of_liver,
        "lesions": len(report.likely_lesions),
        "measurable_lesions": sum(bool(lesion.measurable) for lesion in report.likely_lesions),
        "longest_diameter_mm": max(diameters_mm, default=None),
        "removed_bodies": None if report.removed is None else report.removed.bodies,
        "skipped_slices": sum(last - first + 1 for first, last in report.skipped_slices),
        "warnings": WARNING_SEPARATOR.join(report.warnings),
    }
    if decision is not None:
        unsure = decision.unsure_size
        row |= {
            "unsure_lesions": decision.unsure,
            "unsure_count": unsure.count,
            "unsure_ml": unsure.volume_ml,
            "unsure_mm2": unsure.area_mm2,
            "lesion_cut": decision.cut,
        }
    return json_value(row | times)


def lesion_rows(key: str, report: Report) -> list[dict[str, Any]]:
    """The rows of a result in the table of lesions: those of `report.csv`, preceded by key and digest."""
    rows = []
    for cells in csv.DictReader(io.StringIO(report.to_csv())):
        row = {name: _parse_cell(cells[name], LESION_COLUMNS[name]) for name in CSV_COLUMNS}
        rows.append({"key": key, "input_sha256": report.input.sha256} | row)
    return rows


def _parse_cell(text: str, kind: str) -> Any:
    if text == "":
        return None
    return text == "true" if kind == "bool" else int(text) if kind == "int64" else float(text)


def result_rows(store: Store, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """`Store.row` of each result that exists."""
    for key in keys:
        row = store.row(key)
        if row is not None:
            yield row


def write_tables(store: Store, keys: list[str], failures: Iterable[dict[str, Any]]) -> None:
    """Writes `scans` and `lesions` (CSV and Parquet) and `failures.csv`; no file is ever seen in part.

    `keys` are the distinct keys of the results. Rows are written in batches, so that millions fit in memory.
    """
    with _TableWriter(store.folder / "scans", SCAN_COLUMNS) as scans:
        with _TableWriter(store.folder / "lesions", LESION_COLUMNS) as lesions:
            for row in result_rows(store, keys):
                scans.add([row["scan"]])
                lesions.add(row["lesions"])
    text = io.StringIO()
    _csv_writer(text, FAILURE_COLUMNS).writerows(_csv_cells(row) for row in failures)
    write_atomically(store.folder / "failures.csv", text.getvalue().encode(), durable=True)


def _csv_writer(stream: Any, columns: dict[str, str]) -> csv.DictWriter:
    """A writer that has written the header."""
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    return writer


def _csv_cells(row: dict[str, Any]) -> dict[str, Any]:
    """The row with "" for None and "true" or "false" for booleans."""
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
        for name, value in row.items()
    }


class _TableWriter:
    """Writes a table as CSV and Parquet, in batches, to temporary files that are renamed at the end."""

    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        import pyarrow
        from pyarrow import parquet

        self._columns, self._path = columns, path
        self._parts = {
            ending: path.with_name(f".{path.name}{ending}.part") for ending in (".csv", ".parquet")
        }
        types = {"string": pyarrow.string(), "int64": pyarrow.int64(), "double": pyarrow.float64()}
        types["bool"] = pyarrow.bool_()
        self._schema: pyarrow.Schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
        self._stream = self._parts[".csv"].open("w", encoding="utf-8", newline="")
        self._csv = _csv_writer(self._stream, columns)
        self._parquet = parquet.ParquetWriter(self._parts[".parquet"], self._schema)
        self._batch: list[dict[str, Any]] = []

    def __enter__(self) -> _TableWriter:
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        self._batch += rows
        if len(self._batch) >= _BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        self._csv.writerows(_csv_cells(row) for row in self._batch)
        columns = {name: [row.get(name) for row in self._batch] for name in self._columns}
        self._parquet.write_table(pyarrow.Table.from_pydict(columns, schema=self._schema))
        self._batch = []

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self._flush()
        self._stream.close()
        self._parquet.close()
        for ending, part in self._parts.items():
            if kind is None:
                part.replace(self._path.with_name(self._path.name + ending))
            else:
                part.unlink(missing_ok=True)
