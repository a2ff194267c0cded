"""Follow-up: what changed in the liver between two scans of one patient (pure)."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from liverseg.analysis.follow.change import GROWN_RATIO, SHRUNK_RATIO, FollowedLesion, followed_lesions
from liverseg.analysis.follow.liver_shape import LiverShape, liver_shape, world_affine
from liverseg.analysis.follow.matching import REACH_MM, TOLERANCE_MM, Scan, match_scans
from liverseg.analysis.follow.registration import GOOD_DICE, Registration, register
from liverseg.analysis.follow.response import MAX_TARGETS, Response, suggest_response
from liverseg.analysis.lesions import lesion_volume
from liverseg.analysis.measure import measure
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST
from liverseg.analysis.report import Report, json_value
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting

NOTICE = "Research software, not a medical device. Matches and changes are not verified by a reader."
"""Stands in every file about a follow-up."""

FOLLOW_DEFINITIONS = {
    "registration": "rigid motion of the follow-up liver onto the baseline liver; the matrix is from RAS mm "
    f"to RAS mm; below a Dice of {GOOD_DICE:g} the matches are doubtful",
    "lesions": "lesions matched between the scans; those likely in neither come last and do not count",
    "baseline, follow_up": "the lesion numbers of report_baseline.json and report_follow_up.json; volumes "
    "and longest diameters of several parts are added",
    "matching": "one to one by the distance of centroids after registration and the similarity of sizes; a "
    f"distance may exceed the larger radius by less than {TOLERANCE_MM:g} mm",
    "pattern": f"split or merged: a part lies at least half inside the other lesion, within {REACH_MM:g} mm",
    "state": f"grown from {GROWN_RATIO:g} times the volume on, shrunk down to {SHRUNK_RATIO:g} times; in "
    "between stable; not covered: the other scan does not show the place",
    "measurable": "at least 10 mm long in one of the scans (RECIST 1.1); for others the limits of change "
    "are not established",
    "response": f"sum of the longest diameters of at most {MAX_TARGETS} target lesions, the longest "
    "measurable likely ones of the baseline scan (RECIST 1.1; the liver is one organ)",
}
"""Definitions of the terms of `FollowUp.to_dict`; written into it."""

CSV_COLUMNS = (
    "lesion,state,pattern,likely,target,measurable,baseline_lesions,follow_up_lesions,baseline_likely,"
    "follow_up_likely,baseline_volume_ml,follow_up_volume_ml,volume_change,baseline_diameter_mm,"
    "follow_up_diameter_mm,distance_mm"
).split(",")
"""Columns of the CSV table of followed lesions."""


@dataclass(frozen=True, eq=False)
class MeasuredScan:
    """One scan with its segmentation and its report."""

    ct: CTImage
    seg: Segmentation
    report: Report


@dataclass(frozen=True)
class FollowUp:
    """The change between a baseline scan and a follow-up scan."""

    baseline: Report
    follow_up: Report
    registration: Registration
    lesions: tuple[FollowedLesion, ...]  # those likely in a scan first
    response: Response
    warnings: tuple[str, ...]

    @property
    def likely_lesions(self) -> tuple[FollowedLesion, ...]:
        """The lesions that are likely in at least one of the scans."""
        return tuple(one for one in self.lesions if one.likely)

    def counts(self) -> dict[str, int]:
        """The number of likely lesions of each state that occurs."""
        states = [one.state for one in self.likely_lesions]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    def to_dict(self) -> dict[str, Any]:
        """The follow-up as plain dicts, lists, strings and finite numbers."""
        result: dict[str, Any] = json_value(
            {
                "baseline": _scan_dict(self.baseline),
                "follow_up": _scan_dict(self.follow_up),
                "registration": {**self.registration.to_dict(), "good": self.registration.is_good},
                "counts": self.counts(),
                "lesions": [one.to_dict() for one in self.lesions],
                "response": self.response.to_dict(),
                "warnings": self.warnings,
                "notice": NOTICE,
                "definitions": FOLLOW_DEFINITIONS,
            }
        )
        return result

    def to_json(self) -> str:
        """The follow-up as indented JSON without NaN; characters outside ASCII are not escaped."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A CSV table with a header and one row per followed lesion; unknown values are empty cells."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for one in self.to_dict()["lesions"]:
            before, after = one["baseline"], one["follow_up"]
            row = [one["id"], one["state"], one["pattern"], one["likely"], one["id"] in self.response.targets]
            row += [one["measurable"], *(" ".join(map(str, side["lesions"])) for side in (before, after))]
            row += [before["likely"], after["likely"], before["volume_ml"], after["volume_ml"]]
            row += [one["volume_change"], before["longest_diameter_mm"], after["longest_diameter_mm"]]
            row += [one["distance_mm"]]
            writer.writerow([_cell(value) for value in row])
        return text.getvalue()


def _cell(value: Any) -> Any:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _scan_dict(report: Report) -> dict[str, Any]:
    """What is told of one scan; the rest is in its report."""
    content = report.to_dict()
    keys = ("input", "checkpoint", "engine", "tumour_threshold", "liver", "tumour", "tumour_share_of_liver")
    return {
        **{key: content[key] for key in keys},
        "lesion_cut": None if report.decision is None else report.decision.cut,
        "likely_lesions": len(report.likely_lesions),
        "unsure_lesions": len(report.unsure_lesions),
        "warnings": content["warnings"],
    }


def follow(
    baseline_ct: CTImage, baseline: Segmentation, follow_up_ct: CTImage, follow_up: Segmentation
) -> FollowUp:
    """What changed in the liver between two scans of one patient, each with its segmentation.

    Both are volumes with a known spacing, and `labels` (S, H, W) lie on the grid of the image. The livers are
    registered (`follow.registration`), the lesions matched (`follow.matching`), and a category after RECIST
    1.1 suggested (`follow.response`). Rejected lesions are left out. Raises `InvalidSetting` for a slice, an
    unknown spacing, a segmentation on another grid, and a scan in which no liver was found.
    """
    return follow_scans(
        MeasuredScan(baseline_ct, baseline, measure(baseline_ct, baseline)),
        MeasuredScan(follow_up_ct, follow_up, measure(follow_up_ct, follow_up)),
    )


def follow_scans(baseline: MeasuredScan, follow_up: MeasuredScan) -> FollowUp:
    """`follow` for scans that have been measured."""
    shapes = [checked_shape(scan, name) for scan, name in ((baseline, "baseline"), (follow_up, "follow-up"))]
    registration = register(shapes[0], shapes[1])
    scans = [
        Scan(
            tuple(lesion for lesion in scan.report.lesions if not lesion.rejected),
            lesion_volume(scan.seg),
            world_affine(scan.ct),
        )
        for scan in (baseline, follow_up)
    ]
    lesions = followed_lesions(match_scans(scans[0], scans[1], registration.matrix))
    assert baseline.ct.spacing_mm is not None
    response = suggest_response(lesions, baseline.ct.spacing_mm[0], registration.is_good)
    warnings = _warnings(baseline, follow_up, registration, lesions)
    return FollowUp(baseline.report, follow_up.report, registration, lesions, response, warnings)


def check_image(ct: CTImage, name: str) -> None:
    """Raise `InvalidSetting` unless the scan `name` ("baseline") is a volume with a known spacing."""
    if ct.kind != "volume":
        raise InvalidSetting(f"Follow-up needs two volumes, and the {name} scan is a single slice.")
    if ct.spacing_mm is None:
        raise InvalidSetting(f"Follow-up needs sizes in mm, and the spacing of the {name} scan is unknown.")


def checked_shape(scan: MeasuredScan, name: str) -> LiverShape:
    """The liver of a scan. Raises `InvalidSetting` as `check_image` does, and where no liver was found."""
    check_image(scan.ct, name)
    shape = liver_shape(scan.ct, scan.seg.labels)
    if shape is None:
        raise InvalidSetting(f"No liver was found in the {name} scan, so the scans cannot be compared.")
    return shape


def _warnings(
    baseline: MeasuredScan,
    follow_up: MeasuredScan,
    registration: Registration,
    lesions: tuple[FollowedLesion, ...],
) -> tuple[str, ...]:
    """Reasons to doubt the follow-up, one sentence each."""
    warnings = []
    if not registration.is_good:
        warnings.append(
            f"{_prefix(DO_NOT_TRUST)}The livers match poorly after registration (Dice "
            f"{registration.dice:.2f}, below {GOOD_DICE:g}). The scans may be of two patients, "
            "or much of a liver is missing."
        )
    first, second = baseline.seg, follow_up.seg
    if baseline.ct.sha256 is not None and baseline.ct.sha256 == follow_up.ct.sha256:
        warnings.append(f"{_prefix(CHECK)}Both scans are the same file.")
    if first.checkpoint != second.checkpoint:
        warnings.append(
            f"{_prefix(CHECK)}The scans were segmented by different checkpoints, which alone changes sizes."
        )
    elif (first.threshold, first.lesion_cut) != (second.threshold, second.lesion_cut):
        warnings.append(
            f"{_prefix(CHECK)}The scans have different tumour thresholds or lesion cuts, which alone changes "
            "sizes."
        )
    if not (baseline.ct.orientation_known and follow_up.ct.orientation_known):
        warnings.append(
            f"{_prefix(CHECK)}The orientation of a scan is assumed: a mirrored scan cannot be matched."
        )
    thin, thick = sorted(scan.ct.spacing_mm[0] for scan in (baseline, follow_up) if scan.ct.spacing_mm)
    if thick > 2 * thin:
        warnings.append(
            f"{_prefix(CHECK)}The slices are {thin:.3g} and {thick:.3g} mm apart, which alone changes the "
            "sizes of small lesions."
        )
    if not any(one.likely for one in lesions):
        warnings.append("Neither scan shows a likely lesion, so there is nothing to follow.")
    return tuple(warnings)


def _prefix(severity: str) -> str:
    return "Do not trust this result: " if severity == DO_NOT_TRUST else "Check: "
