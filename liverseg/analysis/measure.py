"""Measurement: from a CT image and its segmentation to the report (pure: no files, no network)."""

from __future__ import annotations

import hashlib
import platform
import time

import numpy as np

import liverseg
from liverseg.analysis.edit_warnings import edit_warnings, find_edits, rejected_count
from liverseg.analysis.lesions import MEASURABLE_MM, Lesion, find_lesions
from liverseg.analysis.plausibility.checks import find_doubts
from liverseg.analysis.plausibility.lesion_checks import lesion_doubts
from liverseg.analysis.report import Amount, InputFacts, LesionDecision, RemovedBodies, Report, RunSettings
from liverseg.analysis.report_text import size_text, threshold_text
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.largest_component import RemovedComponents
from liverseg.core.lesion_candidates import FAINT, UNSURE
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting

RECIST_SLICE_MM = 5.0
"""With thicker slices a lesion is measurable from twice the slice thickness on (RECIST 1.1)."""


def amount_from_count(ct: CTImage, count: int) -> Amount:
    """The size of `count` pixels in mm² or `count` voxels in mL; None where the spacing is unknown."""
    if ct.kind == "volume":
        voxel_mm3 = ct.voxel_volume_mm3
        return Amount(ct.kind, count, volume_ml=None if voxel_mm3 is None else count * voxel_mm3 / 1000)
    pixel_mm2 = ct.pixel_area_mm2
    return Amount(ct.kind, count, area_mm2=None if pixel_mm2 is None else count * pixel_mm2)


def share_of_liver(liver: int, tumour: int) -> float | None:
    """tumour / (liver + tumour), where `liver` counts label 1; None when both are 0.

    >>> share_of_liver(300, 100), share_of_liver(0, 0)
    (0.25, None)
    """
    return tumour / (liver + tumour) if liver + tumour else None


def _some_lie(some: int, lesions: tuple[Lesion, ...]) -> str:
    return f"{some} of {len(lesions)} lesions {'lies' if some == 1 else 'lie'}"


def result_warnings(liver: int, tumour: int, lesions: tuple[Lesion, ...], in_all: int) -> list[str]:
    """Warnings about the measures, one sentence each.

    Only likely lesions are warned of. `liver` and `tumour` count pixels; `in_all` is the number of lesions
    found, measured or not.
    """
    warnings = []
    likely = tuple(lesion for lesion in lesions if lesion.likely)
    if in_all > len(lesions) and len(likely) == len(lesions):
        warnings.append(
            f"{in_all:,} separate regions were labelled tumour. Only the {len(lesions):,} largest are "
            "listed, but the tumour size includes all of them."
        )
    elif in_all > len(lesions):
        warnings.append(
            f"There are {in_all:,} likely and unsure lesions. Only {len(lesions):,} are listed, the likely "
            "ones first, but the sizes include all of them."
        )
    if not liver and tumour:
        warnings.append("Tumour was found without any liver around it: do not rely on it.")
    elif apart := sum(not lesion.touches_liver for lesion in likely):
        warnings.append(
            f"{_some_lie(apart, likely)} apart from the segmented liver: check that it is tumour."
        )
    if cut := sum(lesion.touches_edge for lesion in likely):
        warnings.append(
            f"{_some_lie(cut, likely)} at the edge of the image: parts outside the image are not measured."
        )
    return warnings


def removed_bodies(ct: CTImage, removed: RemovedComponents | None) -> RemovedBodies | None:
    """The sizes of the bodies removed from a volume; None where all were kept."""
    if removed is None:
        return None
    return RemovedBodies(removed.bodies, *(amount_from_count(ct, n) for n in (removed.liver, removed.tumour)))


def removed_warning(
    ct: CTImage, removed: RemovedComponents | None, least_probability: float = 0.0
) -> list[str]:
    """One warning about the bodies removed; none where nothing was removed.

    `least_probability` is the mean probability that a body of a lone slice must reach; 0: the largest body of
    a volume was kept.
    """
    if removed is None or not removed.bodies:
        return []
    total, tumour, largest = (
        size_text(amount_from_count(ct, count)) for count in (removed.voxels, removed.tumour, removed.largest)
    )
    several = removed.bodies > 1
    if least_probability:
        rule = "In a lone slice only regions with a mean liver probability from "
        rule += f"{least_probability:g} on are kept"
        what = f"{removed.bodies} other regions were" if several else "1 other region was"
    else:
        rule = "In a volume only the largest connected body is kept as liver"
        what = f"{removed.bodies} smaller bodies were" if several else "1 smaller body was"
    return [
        f"{rule}: {what} removed, {total}"
        + (f" together, the largest {largest}" if several else "")
        + (f"; {tumour} of that was labelled tumour." if removed.tumour else ".")
    ]


def thick_slices_warning(ct: CTImage, lesions: tuple[Lesion, ...]) -> list[str]:
    """One warning where slices are so thick that lesions marked measurable are not, by RECIST 1.1."""
    if ct.kind != "volume" or ct.spacing_mm is None or ct.spacing_mm[0] <= RECIST_SLICE_MM:
        return []
    least = 2 * ct.spacing_mm[0]  # RECIST 1.1
    longest = [lesion.longest_diameter_mm for lesion in lesions if lesion.measurable]
    short = sum(diameter is not None and diameter < least for diameter in longest)
    if not short:
        return []
    return [
        f"The slices are {ct.spacing_mm[0]:.3g} mm apart. At this distance RECIST 1.1 requires lesions of at "
        f"least {least:.3g} mm: {short} of the lesions marked measurable (from {MEASURABLE_MM:g} mm) "
        + ("is shorter." if short == 1 else "are shorter.")
    ]


def fitted_threshold_warning(seg: Segmentation) -> list[str]:
    """One warning where the lesion model was fitted at another tumour threshold."""
    model = seg.lesion_rules.model
    if model is None or model.threshold is None or abs(model.threshold - seg.threshold) < 1e-4:
        return []
    return [
        f"The lesion probabilities were fitted at the tumour threshold {threshold_text(model.threshold)}. At "
        f"{threshold_text(seg.threshold)} they, and the decision which lesions are likely, are less reliable."
    ]


def lesion_decision(ct: CTImage, seg: Segmentation) -> LesionDecision:
    """How many lesions are unsure or faint, their sizes, and the cut that decided."""
    candidates = seg.candidates
    if candidates is None:
        nothing = amount_from_count(ct, 0)
        return LesionDecision(0, nothing, 0, nothing)
    unsure, faint = (amount_from_count(ct, candidates.voxels(status)) for status in (UNSURE, FAINT))
    model = seg.lesion_rules.model
    return LesionDecision(
        candidates.count(UNSURE),
        unsure,
        candidates.count(FAINT),
        faint,
        seg.lesion_cut,
        None if model is None else model.at_cut(seg.lesion_rules.cut),
    )


def _known_spacing(ct: CTImage) -> tuple[float | None, float, float] | None:
    """The spacing in mm, with None for an unknown distance between slices."""
    if ct.spacing_mm is None or ct.thickness_is_known:
        return ct.spacing_mm
    return (None, *ct.spacing_mm[1:])


def no_tumour_label_warning(seg: Segmentation) -> list[str]:
    """One warning about labels of a file in which no label stands for tumour."""
    if seg.labels_file is None or seg.labels_file.tumour:
        return []
    return ["The labels come from a file that has no label of tumours: no tumour was looked for."]


def measure(ct: CTImage, seg: Segmentation) -> Report:
    """Measure liver, tumour and every lesion of a segmentation, also of one read with `read_labels`.

    `seg` must lie on the grid of `ct`; raises `InvalidSetting` otherwise. Areas (of a slice), volumes (of a
    volume) and diameters in mm are None where the spacing is unknown. `analysis.diameters` defines the
    diameters and `analysis.lesions` the lesions.
    """
    started = time.perf_counter()
    if not ct.shape == seg.labels.shape == seg.tumour_probability.shape:
        raise InvalidSetting(
            "The segmentation does not have the grid of the CT image, so it cannot be measured."
        )
    liver, tumour = (sum(int(np.count_nonzero(plane == k)) for plane in seg.labels) for k in (LIVER, TUMOUR))
    lesions, in_all = find_lesions(ct, seg)

    doubts = find_doubts(ct, seg)
    if seg.lesion_rules.model is not None:
        doubts = (*doubts, *lesion_doubts(ct, lesions))
    edits = find_edits(seg, amount_from_count(ct, rejected_count(seg)))
    warnings = [
        *(doubt.warning for doubt in doubts),
        *edit_warnings(edits),
        *no_tumour_label_warning(seg),
        *ct.warnings,
        *seg.warnings,
        *fitted_threshold_warning(seg),
        *result_warnings(liver, tumour, lesions, in_all),
        *removed_warning(ct, seg.removed, seg.least_body_probability),
        *thick_slices_warning(ct, tuple(lesion for lesion in lesions if lesion.likely)),
    ]
    if ct.spacing_mm is None and not any("in pixels" in warning for warning in warnings):
        warnings.append(  # unless the reader's warning says so, with the reason
            "The pixel spacing is unknown: sizes are in pixels, not in millimetres."
        )
    return Report(
        input=InputFacts(
            ct.sha256,
            ct.kind,
            ct.source_format,
            ct.shape,
            _known_spacing(ct),
            ct.spacing_source,
            ct.assumed_window,
            ct.orientation_known,
        ),
        checkpoint=seg.checkpoint,
        engine=seg.engine,
        tumour_threshold=seg.threshold,
        liver=amount_from_count(ct, liver),
        tumour=amount_from_count(ct, tumour),
        tumour_share_of_liver=share_of_liver(liver, tumour),
        lesions=lesions,
        doubts=doubts,
        warnings=tuple(dict.fromkeys(warnings)),
        timing_s={**seg.timing_s, "measure": time.perf_counter() - started},
        software={
            "name": "liverseg",
            "version": liverseg.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        removed=removed_bodies(ct, seg.removed),
        decision=lesion_decision(ct, seg),
        edited=edits,
        skipped_slices=seg.skipped,
        settings=run_settings(ct, seg),
        labels_sha256=labels_digest(seg.labels),
        labels_file=seg.labels_file,
    )


def run_settings(ct: CTImage, seg: Segmentation) -> RunSettings | None:
    """The settings that repeat the run; None for labels of a file, which no run made."""
    if not seg.has_probabilities:
        return None
    return RunSettings(
        ct.assumed_window,
        ct.series,
        seg.only_slice,
        seg.keep_all,
        float(seg.threshold),
        seg.lesion_cut,
    )


def labels_digest(labels: np.ndarray) -> str:
    """The sha256 of labels (S, H, W) uint8, independent of their memory layout.

    >>> labels_digest(np.zeros((1, 2, 2), np.uint8))[:8]
    'df3f6198'
    """
    digest = hashlib.sha256()
    for plane in labels:
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()
