"""From a CT image and its segmentation to the report (pure: no files, no network)."""

from __future__ import annotations

import hashlib
import platform
import time

import numpy as np

import liverseg
from liverseg.analysis.lesions import MEASURABLE_MM, Lesion, find_lesions
from liverseg.analysis.plausibility.checks import doubts
from liverseg.analysis.report import Amount, InputFacts, RemovedBodies, Report, Settings
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.largest_component import Removed
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting

THIN_MM = 5.0
"""RECIST 1.1: where slices are thicker, a lesion is measurable from twice their thickness on."""


def amount(ct: CTImage, count: int) -> Amount:
    """`count` pixels (voxels) of a CT image as mm² (ml); None in place of either is never a guess."""
    if ct.kind == "volume":
        voxel_mm3 = ct.voxel_volume_mm3
        return Amount(ct.kind, count, volume_ml=None if voxel_mm3 is None else count * voxel_mm3 / 1000)
    pixel_mm2 = ct.pixel_area_mm2
    return Amount(ct.kind, count, area_mm2=None if pixel_mm2 is None else count * pixel_mm2)


def share_of_liver(liver: int, tumour: int) -> float | None:
    """tumour / (liver + tumour), where `liver` counts label 1; None when there is neither.

    >>> share_of_liver(300, 100), share_of_liver(0, 0)
    (0.25, None)
    """
    return tumour / (liver + tumour) if liver + tumour else None


def _of(some: int, lesions: tuple[Lesion, ...]) -> str:
    return f"{some} of {len(lesions)} lesions {'lies' if some == 1 else 'lie'}"


def result_warnings(liver: int, tumour: int, lesions: tuple[Lesion, ...], in_all: int) -> list[str]:
    """What a reader of the numbers must know about them, one sentence each; `in_all` lesions were found."""
    found = []
    if in_all > len(lesions):
        found.append(
            f"{in_all:,} separate regions were called tumour: the {len(lesions):,} largest are listed, the "
            "amount of tumour counts all of them."
        )
    if not liver and tumour:
        found.append("Tumour was found without any liver around it: do not rely on it.")
    elif apart := sum(not lesion.touches_liver for lesion in lesions):
        found.append(f"{_of(apart, lesions)} apart from the liver that was found: check that it is tumour.")
    if cut := sum(lesion.touches_edge for lesion in lesions):
        found.append(f"{_of(cut, lesions)} at the edge of the image: what was cut off is not measured.")
    return found


def removed_bodies(ct: CTImage, removed: Removed | None) -> RemovedBodies | None:
    """What the rule for volumes took away, measured; None where it was not applied."""
    if removed is None:
        return None
    return RemovedBodies(removed.bodies, *(amount(ct, n) for n in (removed.liver, removed.tumour)))


def removed_warning(ct: CTImage, removed: Removed | None) -> list[str]:
    """One sentence on what the rule for volumes took away, if anything."""
    if removed is None or not removed.bodies:
        return []
    sizes = [_size(amount(ct, count)) for count in (removed.voxels, removed.tumour, removed.largest)]
    several = removed.bodies > 1
    return [
        "In a volume the liver is the largest connected body: "
        + (f"{removed.bodies} smaller bodies were" if several else "1 smaller body was")
        + f" removed, {sizes[0]}"
        + (f", the largest of {sizes[2]}" if several else "")
        + (f"; {sizes[1]} of that was called tumour." if removed.tumour else ".")
    ]


def _size(value: Amount) -> str:
    """A volume in words.

    >>> _size(Amount("volume", 3)), _size(Amount("volume", 3, volume_ml=0.0021))
    ('3 voxels', '0.0021 mL')
    """
    if value.volume_ml is None:
        return f"{value.count} voxel{'s' if value.count != 1 else ''}"
    return f"{value.volume_ml:.{0 if value.volume_ml >= 100 else 2}{'f' if value.volume_ml >= 1 else 'g'}} mL"


def thick_slices_warning(ct: CTImage, lesions: tuple[Lesion, ...]) -> list[str]:
    """One sentence where slices are too thick for every lesion marked measurable to be so in RECIST."""
    if ct.kind != "volume" or ct.spacing_mm is None or ct.spacing_mm[0] <= THIN_MM:
        return []
    least = 2 * ct.spacing_mm[0]
    longest = [lesion.longest_diameter_mm for lesion in lesions if lesion.measurable]
    short = sum(diameter is not None and diameter < least for diameter in longest)
    if not short:
        return []
    return [
        f"The slices are {ct.spacing_mm[0]:.3g} mm apart, where RECIST 1.1 asks for {least:.3g} mm: {short} "
        f"of the lesions marked measurable ({MEASURABLE_MM:g} mm) "
        + ("is shorter." if short == 1 else "are shorter.")
    ]


def _told_spacing(ct: CTImage) -> tuple[float | None, float, float] | None:
    """The spacing without a placeholder: the distance between slices is None where it is not known."""
    if ct.spacing_mm is None or ct.thickness_is_known:
        return ct.spacing_mm
    return (None, *ct.spacing_mm[1:])


def measure(ct: CTImage, seg: Segmentation) -> Report:
    """Measure liver, tumour and every lesion of a segmentation.

    `seg` must lie on the grid of `ct`; raises `InvalidSetting` otherwise. Areas (of a slice),
    volumes (of a volume) and diameters are None where the spacing is unknown; see
    `analysis.diameters` for how diameters are taken and `analysis.lesions` for what a lesion is.
    """
    started = time.perf_counter()
    if not ct.shape == seg.labels.shape == seg.tumour_probability.shape:
        raise InvalidSetting("The segmentation is not on the grid of the CT image it is measured with.")
    liver, tumour = (sum(int(np.count_nonzero(plane == k)) for plane in seg.labels) for k in (LIVER, TUMOUR))
    lesions, in_all = find_lesions(ct, seg)

    doubted = doubts(ct, seg)
    warnings = [
        *(doubt.warning for doubt in doubted),
        *ct.warnings,
        *seg.warnings,
        *result_warnings(liver, tumour, lesions, in_all),
        *removed_warning(ct, seg.removed),
        *thick_slices_warning(ct, lesions),
    ]
    if ct.spacing_mm is None and not any("in pixels" in warning for warning in warnings):
        warnings.append(  # readers say it in their own words, and why
            "The pixel spacing is unknown: sizes are in pixels, not in millimetres."
        )
    facts = InputFacts(
        ct.sha256,
        ct.kind,
        ct.source_format,
        ct.shape,
        _told_spacing(ct),
        ct.spacing_source,
        ct.assumed_window,
    )
    return Report(
        input=facts,
        checkpoint=seg.checkpoint,
        engine=seg.engine,
        tumour_threshold=seg.threshold,
        liver=amount(ct, liver),
        tumour=amount(ct, tumour),
        tumour_share_of_liver=share_of_liver(liver, tumour),
        lesions=lesions,
        doubts=doubted,
        warnings=tuple(dict.fromkeys(warnings)),
        timing_s={**seg.timing_s, "measure": time.perf_counter() - started},
        software={
            "name": "liverseg",
            "version": liverseg.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        removed=removed_bodies(ct, seg.removed),
        skipped_slices=seg.skipped,
        settings=Settings(ct.assumed_window, ct.series, seg.only_slice, seg.keep_all, float(seg.threshold)),
        labels_sha256=labels_digest(seg.labels),
    )


def labels_digest(labels: np.ndarray) -> str:
    """The sha256 of labels (S, H, W) uint8, whatever their layout in memory.

    >>> labels_digest(np.zeros((1, 2, 2), np.uint8))[:8]
    'df3f6198'
    """
    digest = hashlib.sha256()
    for plane in labels:
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()
