"""The tables and the description of a dataset, from the records of its scans."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from liverseg.core.segmentation import CLASSES
from registry.files import write_atomically
from train.data.prepare.records import ScanRecord
from train.data.prepare.settings import Conversion
from train.data.prepare.sources import FoundSource
from train.data.prepare.statistics import PERCENTILES, share, volume_ml


def slices_csv(records: Sequence[ScanRecord], splits: Mapping[str, str]) -> str:
    """`slices.csv`: one line a slice."""
    rows = [
        [row["slice"], record.scan, row["index"], splits[record.scan], row["liver_px"], row["tumour_px"]]
        for record in records
        for row in record.rows
    ]
    return _csv(["slice", "scan", "index", "split", "liver_px", "tumour_px"], rows)


def scan_row(record: ScanRecord, split: str, group: str) -> dict:
    """One line of `scans.csv`. Volumes are None where the spacing is unknown or false.

    `liver_voxels` and `liver_ml` are the liver without its tumours, `organ_voxels` and `organ_ml` with
    them; the tumour's share is of the organ. HU are of the liver without its tumours. The sha256 of a
    scan of many pictures is that of their sha256 in the order of the slices.
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
        "organ_share_of_scan": share(record.organ_voxels, voxels),
        "tumour_share_of_organ": share(record.tumour_voxels, record.organ_voxels),
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
    """`scans.csv`: one line a scan, numbers to six significant digits, unknown ones empty."""
    return _csv(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])


def dataset_json(
    found: FoundSource,
    conversion: Conversion,
    records: Sequence[ScanRecord],
    splits: Mapping[str, str],
    groups: Mapping[str, str],
) -> str:
    """`dataset.json` of contract 2."""
    chosen = [splits[record.scan] for record in records]
    described = {
        "name": found.name,
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
        "splits": {split: chosen.count(split) for split in dict.fromkeys(["train", "val", *chosen])},
        "licence": found.licence,
        "citation": found.citation,
    }
    return json.dumps(described, indent=2) + "\n"


def write_tables(out: Path, tables: Mapping[str, str]) -> None:
    """Write each text to its file, whole or not at all."""
    for name, text in tables.items():
        write_atomically(out / name, text.encode())


def _csv(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
