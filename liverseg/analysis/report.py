"""The report: what was measured, on what, by which weights, as JSON and as a table.

It holds nothing of the patient and no file name. The same input, checkpoint and threshold give
the same report, apart from `timing_s`.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from liverseg.analysis.lesions import MOST, Lesion
from liverseg.analysis.plausibility.messages import Doubt
from liverseg.core.segmentation import CheckpointIdentity
from liverseg.core.window import Window

DECIMALS = 6
"""Digits after the point in `report.json` and the table: far below what a pixel can tell."""

DEFINITIONS = {
    "liver": "label 1: liver without its tumours",
    "tumour": "label 2",
    "tumour_share_of_liver": "tumour / (liver + tumour); null when neither was found",
    "lesions": f"connected regions of tumour, the largest first, {MOST} at most; a warning tells of more",
    "indices": "slice, row, column from 0; row 0 is anterior, column 0 the patient's right, slice 0 lowest",
    "centroid_ras_mm": "in the patient: mm to the right, to anterior and to superior",
    "longest_diameter": "between outer edges, in the axial slice where it is longest (RECIST 1.1)",
    "measurable": "longest diameter of at least 10 mm (RECIST 1.1)",
    "removed": "bodies of liver and tumour (26-connected) other than a volume's largest; null: all were kept",
    "skipped_slices": "first and last of the slices that the network was not run on, as they cannot show the "
    "largest body; probabilities are 0 there",
    "labels_sha256": "of the labels (0, 1, 2; one byte a voxel) by slice, row and column, as in `indices`",
    "settings": "what `python -m liverseg reproduce` runs again with",
    "probability": "of tumour, as the checkpoint gives it; in tumour_probability.png 65535 stands for 1",
}
"""What the report's own words mean; written into every `report.json`."""

CSV_COLUMNS = (
    "lesion,first_slice,last_slice,centroid_slice,centroid_row,centroid_column,centroid_r_mm,centroid_a_mm,"
    "centroid_s_mm,pixels,voxels,area_mm2,volume_ml,longest_diameter_mm,perpendicular_diameter_mm,"
    "longest_diameter_px,perpendicular_diameter_px,diameter_slice,measurable,mean_probability,"
    "peak_probability,mean_hu,touches_edge,touches_liver"
).split(",")
"""The header of the table of lesions; the same for a slice and a volume."""


@dataclass(frozen=True)
class InputFacts:
    """What was measured, as far as it may be told without telling of whom."""

    sha256: str | None  # of the file's bytes
    kind: str  # "slice" | "volume"
    source_format: str
    shape: tuple[int, int, int]  # slices, rows, columns
    spacing_mm: tuple[float | None, float, float] | None  # between slices (None: unknown), rows, columns
    spacing_source: str
    assumed_window: Window | None  # HU were rebuilt from grey with it; None: HU were stored


@dataclass(frozen=True)
class Amount:
    """How much of a structure there is, in pixels and, where the spacing is known, in mm² or ml."""

    kind: str  # "slice" | "volume"
    count: int  # pixels of a slice, voxels of a volume
    area_mm2: float | None = None  # of a slice
    volume_ml: float | None = None  # of a volume

    def to_dict(self) -> dict[str, Any]:
        """`{pixels, area_mm2}` of a slice, `{voxels, volume_ml}` of a volume.

        >>> Amount("slice", 12, area_mm2=3.0).to_dict()
        {'pixels': 12, 'area_mm2': 3.0}
        """
        if self.kind == "volume":
            return {"voxels": self.count, "volume_ml": self.volume_ml}
        return {"pixels": self.count, "area_mm2": self.area_mm2}


@dataclass(frozen=True)
class Settings:
    """What was asked for besides the input, the checkpoint and the engine: enough to run it again."""

    window: Window | None  # that the picture was made with; None: HU were stored
    series: int | None  # of several, the one that was asked for
    slice: int | None  # from 0; None: all
    keep_all: bool  # of a volume, every body and not the largest alone
    threshold: float  # tumour probability from which a pixel is called tumour


@dataclass(frozen=True)
class RemovedBodies:
    """What the rule for volumes took away: all bodies of liver and tumour but the largest."""

    bodies: int
    liver: Amount
    tumour: Amount

    def to_dict(self) -> dict[str, Any]:
        """`{bodies, liver, tumour}`, the latter two as `Amount` has them."""
        return {"bodies": self.bodies, "liver": self.liver.to_dict(), "tumour": self.tumour.to_dict()}


def plain(value: Any) -> Any:
    """A value as JSON has it: floats rounded, nothing that is not finite."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(float(value), DECIMALS) if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Report:
    """The measures of one segmentation of one CT image (contract 4 of the design)."""

    input: InputFacts
    checkpoint: CheckpointIdentity
    engine: str
    tumour_threshold: float
    liver: Amount  # label 1: without the tumours
    tumour: Amount
    tumour_share_of_liver: float | None  # tumour / (liver + tumour); None: neither was found
    lesions: tuple[Lesion, ...]  # the largest first
    warnings: tuple[str, ...]
    timing_s: dict[str, float]
    software: dict[str, str]
    removed: RemovedBodies | None = None  # None: the rule for volumes was not applied
    skipped_slices: tuple[tuple[int, int], ...] = ()  # first and last of each run of slices
    settings: Settings | None = None
    doubts: tuple[Doubt, ...] = ()  # reasons not to believe it; `warnings` begin with them
    labels_sha256: str | None = None  # of the labels' bytes on the radiological grid, slice by slice

    def _lesion_dict(self, lesion: Lesion) -> dict[str, Any]:
        amount = Amount(self.input.kind, lesion.count, lesion.area_mm2, lesion.volume_ml).to_dict()
        facts = asdict(lesion)
        for key in ("count", "area_mm2", "volume_ml"):
            del facts[key]
        head = {key: facts.pop(key) for key in ("id", "slice_range", "centroid_px", "centroid_ras_mm")}
        return {**head, **amount, **facts}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain dicts, lists, strings and finite numbers."""
        facts: dict[str, Any] = {
            "input": asdict(self.input),
            "checkpoint": asdict(self.checkpoint),
            "engine": self.engine,
            "tumour_threshold": self.tumour_threshold,
            "liver": self.liver.to_dict(),
            "tumour": self.tumour.to_dict(),
            "tumour_share_of_liver": self.tumour_share_of_liver,
            "lesions": [self._lesion_dict(lesion) for lesion in self.lesions],
            "warnings": self.warnings,
            "timing_s": self.timing_s,
            "software": self.software,
            "removed": self.removed and self.removed.to_dict(),
            "skipped_slices": self.skipped_slices,
            "doubts": [asdict(doubt) for doubt in self.doubts],
            "settings": self.settings and asdict(self.settings),
            "labels_sha256": self.labels_sha256,
            "definitions": DEFINITIONS,
        }
        told: dict[str, Any] = plain(facts)
        return told

    def to_json(self) -> str:
        """The report as strict JSON (no NaN), indented, UTF-8 characters as they are."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A table with a header and a row a lesion; what is unknown is an empty cell."""
        text = io.StringIO()
        writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        for row in self.to_dict()["lesions"]:
            row["lesion"] = row.pop("id")
            row["first_slice"], row["last_slice"] = row.pop("slice_range")
            row.update(
                zip(
                    ("centroid_slice", "centroid_row", "centroid_column"), row.pop("centroid_px"), strict=True
                )
            )
            patient = row.pop("centroid_ras_mm") or ("", "", "")
            row.update(zip(("centroid_r_mm", "centroid_a_mm", "centroid_s_mm"), patient, strict=True))
            writer.writerow({key: "" if value is None else _cell(value) for key, value in row.items()})
        return text.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
