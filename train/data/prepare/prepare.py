"""The whole of `prepare`: find the scans, convert what is not done, write the tables and the plots."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from train.data.prepare.parallel import convert_all
from train.data.prepare.plots import statistics_page
from train.data.prepare.records import Records, ScanRecord
from train.data.prepare.settings import PrepareSettings
from train.data.prepare.sources import FoundSource, find_source
from train.data.prepare.splits import assign
from train.data.prepare.tables import dataset_json, scan_row, scans_csv, slices_csv, write_tables
from train.errors import TrainError

log = logging.getLogger("train.data.prepare")


def prepare(source: str, out: Path, settings: PrepareSettings | None = None) -> list[str]:
    """Write a dataset of contract 2; returns one sentence for each scan that had to be left out.

    `source` is a folder of LiTS (`volume-N.nii`, `segmentation-N.nii`, in sub-folders or not, gzipped or
    not), of the Decathlon (`imagesTr`, `labelsTr`), of pictures (`images` with `masks` or `labels`), or
    `phantom:N` for N phantoms of our own. Scans that an earlier run has written with the same settings
    are not converted again; a run that was stopped ends with the same files as one that was not.
    Raises `TrainError` when there is nothing to prepare, or `out` is not to be written to.
    """
    settings = settings or PrepareSettings()
    found = _named(find_source(source, settings), settings)
    problems = list(found.problems)
    for problem in problems:
        log.warning("%s", problem)
    if not found.scans:
        raise TrainError("No scan could be prepared: " + (problems[0] if problems else "there is none."))
    splits = assign([scan.scan for scan in found.scans], settings.splitting, found.groups)
    groups = {**found.groups, **settings.splitting.groups}
    try:
        records, more = _convert(found, source, out, settings)
    except OSError as error:
        raise TrainError(f"{out} cannot be written: {error}.") from error
    problems += more
    if not records:
        raise TrainError(f"No scan could be prepared: {problems[0]}")
    rows = [scan_row(record, splits[record.scan], groups.get(record.scan, "")) for record in records]
    tables = {
        "slices.csv": slices_csv(records, splits),
        "scans.csv": scans_csv(rows),
        "dataset.json": dataset_json(found, settings.conversion, records, splits, groups),
    }
    write_tables(out, tables)
    statistics_page(rows, found.name, out / "statistics.png")
    return problems


def _convert(
    found: FoundSource, source: str, out: Path, settings: PrepareSettings
) -> tuple[list[ScanRecord], list[str]]:
    """The records of all scans that could be read, in their order, and sentences for the others."""
    kept = Records(out)
    kind = "phantom" if source.startswith("phantom:") else type(found.scans[0]).__name__
    kept.open(settings.conversion, kind, settings.overwrite)
    done = {scan.scan: record for scan in found.scans if (record := kept.load(scan)) is not None}
    if done:
        log.info("%d scans are done already", len(done))
    waiting = [scan for scan in found.scans if scan.scan not in done]
    problems = []
    for scan, result in convert_all(waiting, out, settings.conversion, settings.jobs, len(done)):
        if isinstance(result, str):
            problems.append(result)
            log.warning("%s", result)
            continue
        done[scan.scan] = result
        for warning in result.warnings:
            log.warning("scan %s: %s", scan.scan, warning)
    records = [done[scan.scan] for scan in found.scans if scan.scan in done]
    kept.remove_leftovers(records)
    return records, problems


def _named(found: FoundSource, settings: PrepareSettings) -> FoundSource:
    given = {"name": settings.name, "licence": settings.licence, "citation": settings.citation}
    return replace(found, **{key: value for key, value in given.items() if value is not None})
