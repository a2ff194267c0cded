"""The command `prepare`: find the scans, convert the unfinished ones, write the tables and the plots."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from train.data.prepare.parallel import convert_all
from train.data.prepare.plots import statistics_page
from train.data.prepare.records import RecordStore, ScanRecord
from train.data.prepare.settings import PrepareSettings
from train.data.prepare.sources import ScanCollection, find_scans
from train.data.prepare.splits import assign_splits
from train.data.prepare.tables import dataset_json, scan_row, scans_csv, slices_csv, write_tables
from train.errors import TrainError

_logger = logging.getLogger(__name__)


def prepare(source: str, out: Path, settings: PrepareSettings | None = None) -> list[str]:
    """Write a dataset to the folder `out`; returns one sentence for each scan that is left out.

    `source` is a LiTS folder (`volume-N.nii` and `segmentation-N.nii`, at any depth, gzipped or not), a
    Decathlon folder (`imagesTr` and `labelsTr`), the pictures of lits-png, a folder of pictures (`images`
    with `masks` or `labels`), or `phantom:N` for N synthetic phantoms. Scans that an earlier run wrote with
    the same settings are not converted again, so an interrupted run that is repeated writes the same files
    as an uninterrupted one. Raises `TrainError` if there is nothing to prepare or `out` cannot be used.
    """
    settings = settings or PrepareSettings()
    collection = _with_given_metadata(find_scans(source, settings), settings)
    problems = list(collection.problems)
    for problem in problems:
        _logger.warning("%s", problem)
    if not collection.scans:
        reason = problems[0] if problems else "the source is empty."
        raise TrainError(f"No scan could be prepared: {reason}")
    splits = assign_splits([scan.scan for scan in collection.scans], settings.splitting, collection.groups)
    groups = {**collection.groups, **settings.splitting.groups}
    try:
        records, conversion_problems = _convert(collection, source, out, settings)
    except OSError as error:
        raise TrainError(f"{out} cannot be written: {error}.") from error
    problems += conversion_problems
    if not records:
        raise TrainError(f"No scan could be prepared: {problems[0]}")
    rows = [scan_row(record, splits[record.scan], groups.get(record.scan, "")) for record in records]
    tables = {
        "slices.csv": slices_csv(records, splits),
        "scans.csv": scans_csv(rows),
        "dataset.json": dataset_json(collection, settings.conversion, records, splits, groups),
    }
    write_tables(out, tables)
    statistics_page(rows, collection.name, out / "statistics.png")
    return problems


def _convert(
    collection: ScanCollection, source: str, out: Path, settings: PrepareSettings
) -> tuple[list[ScanRecord], list[str]]:
    """The records of all scans that could be read, in source order, and a sentence for each other one."""
    store = RecordStore(out)
    kind = "phantom" if source.startswith("phantom:") else type(collection.scans[0]).__name__
    store.open(settings.conversion, kind, settings.overwrite)
    done = {scan.scan: record for scan in collection.scans if (record := store.load(scan)) is not None}
    if done:
        _logger.info("%d scans are done already", len(done))
    waiting = [scan for scan in collection.scans if scan.scan not in done]
    problems = []
    for scan, result in convert_all(waiting, out, settings.conversion, settings.jobs, len(done)):
        if isinstance(result, str):
            problems.append(result)
            _logger.warning("%s", result)
            continue
        done[scan.scan] = result
        for warning in result.warnings:
            _logger.warning("scan %s: %s", scan.scan, warning)
    records = [done[scan.scan] for scan in collection.scans if scan.scan in done]
    store.remove_leftovers(records)
    return records, problems


def _with_given_metadata(collection: ScanCollection, settings: PrepareSettings) -> ScanCollection:
    """The collection with the name, licence and citation of the settings, where given."""
    given = {"name": settings.name, "licence": settings.licence, "citation": settings.citation}
    return replace(collection, **{key: value for key, value in given.items() if value is not None})
