"""`slices.csv`, `scans.csv` and `dataset.json` of a dataset, from the records of its scans."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from liverseg.core.segmentation import CLASSES
from registry.files import write_atomically
from train.data.prepare.records import ScanRecord
from train.data.prepare.settings import ConversionSettings
from train.data.prepare.sources import ScanCollection
from train.data.prepare.statistics import PERCENTILES, ratio, volume_ml


def slices_csv(records: Sequence[ScanRecord], splits: Mapping[str, str]) -> str:
    """Content of `slices.csv`: one row per slice; `splits` maps scan to split."""
    rows = [
        [row["slice"], record.scan, row["index"], splits[record.scan], row["liver_px"], row["tumour_px"]]
        for record in records
        for row in record.rows
    ]
    return _csv(["slice", "scan", "index", "split", "liver_px", "tumour_px"], rows)


def scan_row(record: ScanRecord, split: str, group: str) -> dict:
    """One row of `scans.csv`. Volumes are None if the spacing is unknown or false.

    `organ_voxels` and `organ_ml` are the liver with its tumours, `liver_voxels` and `liver_ml` the liver
    without them. `tumour_share_of_organ` is relative to the organ. HU values are of the liver without
    tumours. The sha256 of a scan of many pictures is the hash of their hashes in slice order.
    """
    spacing = record.spacing_mm or (None, None, None)
    voxels = record.slices * record.height * record.width
    largest = record.largest_lesion_voxels
    return {
        "scan": record.scan,
        "split": split,
        "group": group,
        "slices": record.slices,
        "annotated_slices": record.annotated_slices,
        "kept_slices": len(record.rows),
        "height": record.height,
        "width": record.width,
        "organ_voxels": record.organ_voxels,
        "liver_voxels": record.liver_voxels,
        "tumour_voxels": record.tumour_voxels,
        "organ_ml": volume_ml(record.organ_voxels, record.spacing_mm),
        "liver_ml": volume_ml(record.liver_voxels, record.spacing_mm),
        "tumour_ml": volume_ml(record.tumour_voxels, record.spacing_mm),
        "organ_share_of_scan": ratio(record.organ_voxels, voxels),
        "tumour_share_of_organ": ratio(record.tumour_voxels, record.organ_voxels),
        "lesions": record.lesions,
        "largest_lesion_voxels": largest,
        "largest_lesion_ml": None if largest is None else volume_ml(largest, record.spacing_mm),
        "liver_hu_mean": record.liver_hu_mean,
        **{
            f"liver_hu_p{p:02d}": value
            for p, value in zip(PERCENTILES, record.liver_hu_percentiles, strict=True)
        },
        "spacing_slice_mm": spacing[0],
        "spacing_row_mm": spacing[1],
        "spacing_column_mm": spacing[2],
        "geometry": record.geometry,
        "reoriented": record.reoriented,
        "volume_sha256": record.sha256.get("volume"),
        "reference_sha256": record.sha256.get("reference"),
    }


def scans_csv(rows: Sequence[Mapping]) -> str:
    """Content of `scans.csv`: one row per scan, floats with six significant digits, None as an empty cell."""
    return _csv(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])


def dataset_json(
    collection: ScanCollection,
    conversion: ConversionSettings,
    records: Sequence[ScanRecord],
    splits: Mapping[str, str],
    groups: Mapping[str, str],
) -> str:
    """Content of `dataset.json`; `splits` maps scan to split, `groups` scan to group."""
    scan_splits = [splits[record.scan] for record in records]
    content = {
        "name": collection.name,
        "classes": list(CLASSES),
        "label_values": conversion.labels.label_values,
        "intensity": conversion.intensity.to_json(),
        "spacing_mm": {
            record.scan: None if record.spacing_mm is None else [round(mm, 6) for mm in record.spacing_mm]
            for record in records
        },
        "geometry": {record.scan: record.geometry for record in records},
        "orientation": "radiological: patient's right on the left of the picture, anterior at the top",
        "group_by": "scan",
        "groups": {record.scan: groups[record.scan] for record in records if record.scan in groups},
        "splits": {
            split: scan_splits.count(split) for split in dict.fromkeys(["train", "val", *scan_splits])
        },
        "licence": collection.licence,
        "citation": collection.citation,
    }
    return json.dumps(content, indent=2) + "\n"


def write_tables(out: Path, tables: Mapping[str, str]) -> None:
    """Write each text to the file of its name in `out`, atomically."""
    for name, text in tables.items():
        write_atomically(out / name, text.encode())


def _csv(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """The table as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """The value as `scans_csv` writes it."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
