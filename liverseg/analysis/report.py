"""The report of one segmentation: its measures, input, weights and settings, as JSON and as CSV.

A report contains no patient data and no file name. The same input, checkpoint and threshold give the same
report except for `timing_s`.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from liverseg.analysis.amount import Amount as Amount
from liverseg.analysis.edits import EDIT_COLUMNS, UserEdits
from liverseg.analysis.lesions import MAX_LESIONS, Lesion
from liverseg.analysis.plausibility.messages import Doubt
from liverseg.core.labels_file import LabelsFile
from liverseg.core.lesion_model import OperatingPoint
from liverseg.core.segmentation import CheckpointIdentity
from liverseg.core.window import Window

DECIMALS = 6
"""Decimals of the values in `report.json` and in the CSV table."""

REPORT_DEFINITIONS = {
    "liver": "label 1: liver without its tumours",
    "tumour": "label 2",
    "tumour_share_of_liver": "tumour / (liver + tumour); null when neither was found",
    "lesions": "connected tumour regions: likely ones first, then unsure ones, each from the largest on, at "
    f"most {MAX_LESIONS}; more give a warning",
    "likely": "lesion_probability reaches lesion_cut; true without a lesion model. Tumour sizes and counts "
    "are of likely lesions",
    "unsure": "listed lesions that are not likely; their label is liver",
    "faint": "tumour regions whose peak probability is below the seed probability of the checkpoint; not "
    "listed, their label is liver",
    "operating_point": "what lesion_cut gave in cross-validation; false_per_scan counts false likely lesions",
    "indices": "slice, row, column from 0; row 0 is anterior, column 0 the patient's right, slice 0 lowest",
    "centroid_ras_mm": "patient coordinates: mm to the right, to anterior and to superior",
    "longest_diameter": "between outer edges, in the axial slice where the lesion is longest (RECIST 1.1)",
    "measurable": "longest diameter of at least 10 mm (RECIST 1.1)",
    "removed": "bodies of liver and tumour (26-connected) of a volume but the largest; of a lone slice, "
    "bodies whose mean probability is too low; null: all were kept",
    "skipped_slices": "first and last slice of each run on which the network was not used, because it cannot "
    "show the largest body; probabilities are 0 there",
    "labels_sha256": "sha256 of the labels (0, 1, 2; one byte per voxel) in the order of `indices`",
    "settings": "the settings with which `python -m liverseg reproduce` repeats the run",
    "probability": "tumour probability from the checkpoint; in tumour_probability.png 65535 stands for 1",
}
"""Definitions of the report's terms; written into every `report.json`."""

LABELS_FILE_DEFINITIONS = {
    "labels_file": "the labels were read from a file, not made by a network: checkpoint, engine, "
    "tumour_threshold, settings and probabilities are null, and every connected tumour region is likely. "
    "liver and tumour are the label values, or numbers of segments or ROIs, that were taken as such; "
    "left_out counts the others",
}
"""Definition of the key that a report of labels of a file adds."""

CSV_COLUMNS = (
    "lesion,first_slice,last_slice,centroid_slice,centroid_row,centroid_column,centroid_r_mm,centroid_a_mm,"
    "centroid_s_mm,pixels,voxels,area_mm2,volume_ml,longest_diameter_mm,perpendicular_diameter_mm,"
    "longest_diameter_px,perpendicular_diameter_px,diameter_slice,measurable,mean_probability,"
    "peak_probability,mean_hu,touches_edge,touches_liver,likely,lesion_probability"
).split(",")
"""Columns of the CSV table of lesions; the same for slices and volumes. That of an edited report has more."""


_ORIGIN_KEYS = ("checkpoint", "engine", "tumour_threshold")


@dataclass(frozen=True)
class InputFacts:
    """The input of a report, without anything that identifies the patient."""

    sha256: str | None  # of the file
    kind: str  # "slice" | "volume"
    source_format: str
    shape: tuple[int, int, int]  # slices, rows, columns
    spacing_mm: tuple[float | None, float, float] | None  # between slices (None: unknown), rows, columns
    spacing_source: str
    assumed_window: Window | None  # window that turned grey values into HU; None: the file stores HU
    orientation_known: bool = True  # False: how the image lies in the patient is assumed


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run. With the input, the checkpoint and the engine they suffice to repeat it."""

    window: Window | None  # window of the picture; None: the file stores HU
    series: int | None  # number of the requested series, where the input has several
    slice: int | None  # from 0; None: all
    keep_all: bool  # keep every body of a volume, not only the largest
    threshold: float  # tumour probability from which a pixel is labelled tumour
    lesion_cut: float | None = None  # lesion probability from which a lesion is likely; None: no model


@dataclass(frozen=True)
class LesionDecision:
    """The candidates that are not likely lesions (`core.lesion_candidates`)."""

    unsure: int  # listed, labelled liver
    unsure_size: Amount
    faint: int  # not listed, labelled liver
    faint_size: Amount
    cut: float | None = None  # lesion probability from which a lesion is likely; None: no model
    point: OperatingPoint | None = None  # what the cut gave in cross-validation; None: not known


@dataclass(frozen=True)
class RemovedBodies:
    """The bodies that were removed.

    Of a volume all but the largest (`core.largest_component`), of a lone slice those that the network is not
    sure of (`core.sure_bodies`).
    """

    bodies: int
    liver: Amount
    tumour: Amount

    def to_dict(self) -> dict[str, Any]:
        """`{bodies, liver, tumour}`, where `liver` and `tumour` are those of `Amount.to_dict`."""
        return {"bodies": self.bodies, "liver": self.liver.to_dict(), "tumour": self.tumour.to_dict()}


def json_value(value: Any) -> Any:
    """A value ready for JSON: floats rounded to `DECIMALS`, floats that are not finite as None."""
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return round(float(value), DECIMALS) if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Report:
    """The measures of one segmentation of one CT image."""

    input: InputFacts
    checkpoint: CheckpointIdentity
    engine: str
    tumour_threshold: float
    liver: Amount  # label 1, without the tumours
    tumour: Amount
    tumour_share_of_liver: float | None  # tumour / (liver + tumour); None: both are empty
    lesions: tuple[Lesion, ...]  # likely ones first, then unsure ones, each from the largest on
    warnings: tuple[str, ...]
    timing_s: dict[str, float]
    software: dict[str, str]
    removed: RemovedBodies | None = None  # None: all bodies were kept
    skipped_slices: tuple[tuple[int, int], ...] = ()  # first and last slice of each skipped run
    settings: RunSettings | None = None
    doubts: tuple[Doubt, ...] = ()  # reasons to distrust the result; `warnings` starts with them
    labels_sha256: str | None = None  # of the labels on the radiological grid, slice by slice
    decision: LesionDecision | None = None  # None: a report made without it
    edited: UserEdits | None = None  # what the user changed; None: nothing
    labels_file: LabelsFile | None = None  # where the labels come from; None: from `checkpoint`

    @property
    def likely_lesions(self) -> tuple[Lesion, ...]:
        """The listed lesions that are likely; `tumour` is their size."""
        return tuple(lesion for lesion in self.lesions if lesion.likely)

    @property
    def unsure_lesions(self) -> tuple[Lesion, ...]:
        """The listed lesions that are unsure."""
        return tuple(lesion for lesion in self.lesions if not (lesion.likely or lesion.rejected))

    @property
    def rejected_lesions(self) -> tuple[Lesion, ...]:
        """The listed lesions that the user rejected."""
        return tuple(lesion for lesion in self.lesions if lesion.rejected)

    def _lesion_dict(self, lesion: Lesion) -> dict[str, Any]:
        size = Amount(self.input.kind, lesion.count, lesion.area_mm2, lesion.volume_ml).to_dict()
        measures = asdict(lesion)
        for key in ("count", "area_mm2", "volume_ml", *(EDIT_COLUMNS if self.edited is None else ())):
            del measures[key]
        head = {key: measures.pop(key) for key in ("id", "slice_range", "centroid_px", "centroid_ras_mm")}
        return {**head, **size, **measures}

    def _decision_dict(self) -> dict[str, Any]:
        decision = self.decision
        if decision is None:
            return {}
        return {
            "unsure": {"count": decision.unsure, **decision.unsure_size.to_dict()},
            "faint": {"count": decision.faint, **decision.faint_size.to_dict()},
            "lesion_cut": decision.cut,
            "operating_point": decision.point and asdict(decision.point),
        }

    def _origin_dict(self) -> dict[str, Any]:
        """Checkpoint, engine and threshold, which are None for labels of a file."""
        if self.labels_file is None:
            made_by = asdict(self.checkpoint), self.engine, self.tumour_threshold
            return dict(zip(_ORIGIN_KEYS, made_by, strict=True))
        return {**dict.fromkeys(_ORIGIN_KEYS), "labels_file": asdict(self.labels_file)}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain dicts, lists, strings and finite numbers."""
        content: dict[str, Any] = {
            "input": asdict(self.input),
            **self._origin_dict(),
            "liver": self.liver.to_dict(),
            "tumour": self.tumour.to_dict(),
            "tumour_share_of_liver": self.tumour_share_of_liver,
            "lesions": [self._lesion_dict(lesion) for lesion in self.lesions],
            "warnings": self.warnings,
            "timing_s": self.timing_s,
            "software": self.software,
            **self._decision_dict(),
            "removed": self.removed and self.removed.to_dict(),
            "skipped_slices": self.skipped_slices,
            "doubts": [asdict(doubt) for doubt in self.doubts],
            "settings": self.settings and asdict(self.settings),
            "labels_sha256": self.labels_sha256,
            **({} if self.edited is None else {"edited": self.edited.to_dict()}),
            "definitions": REPORT_DEFINITIONS
            | ({} if self.edited is None else self.edited.definitions)
            | ({} if self.labels_file is None else LABELS_FILE_DEFINITIONS),
        }
        result: dict[str, Any] = json_value(content)
        return result

    def to_json(self) -> str:
        """The report as indented JSON without NaN; characters outside ASCII are not escaped."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A CSV table with a header and one row per lesion; unknown values are empty cells."""
        text = io.StringIO()
        columns = [*CSV_COLUMNS, *(() if self.edited is None else EDIT_COLUMNS)]
        writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
        writer.writeheader()
        for row in self.to_dict()["lesions"]:
            row["lesion"] = row.pop("id")
            row["first_slice"], row["last_slice"] = row.pop("slice_range")
            row.update(
                zip(
                    ("centroid_slice", "centroid_row", "centroid_column"), row.pop("centroid_px"), strict=True
                )
            )
            centroid_mm = row.pop("centroid_ras_mm") or ("", "", "")
            row.update(zip(("centroid_r_mm", "centroid_a_mm", "centroid_s_mm"), centroid_mm, strict=True))
            writer.writerow({key: "" if value is None else _cell(value) for key, value in row.items()})
        return text.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
