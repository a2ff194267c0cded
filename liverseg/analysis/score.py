"""A result against a reference on the same grid: the measures of LiTS, lesions, burden, worst slices (pure).

The liver is the whole organ, labels 1 and 2; the tumour is label 2, as in LiTS (Bilic et al., 2023). A
measure that is undefined is nan here and null in JSON: without the structure in the reference, without a
label for it in a file, and distances where one of the two is empty or the spacing is unknown.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from liverseg.analysis.measure import share_of_liver
from liverseg.analysis.metrics.lesion_detection import Detection, label_lesions, score_detection
from liverseg.analysis.metrics.overlap import (
    STRUCTURES,
    Counts,
    counts,
    dice,
    precision,
    recall,
    relative_difference,
    volume_overlap_error,
)
from liverseg.analysis.metrics.surface_distance import (
    average_distance,
    bounding_slices,
    hausdorff_percentile,
    maximum_distance,
    root_mean_square_distance,
    surface_dice,
    surface_distances,
)
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting

SURFACE_TOLERANCE_MM = 2.0
"""Distance up to which two surfaces count as one in the surface Dice."""

WORST_SLICES = 3
"""Most slices that are listed as worst."""

LESION_RULES = {"any_overlap": 0.0, "iou_50": 0.5}
"""Names of the rules by which a lesion is found, and their overlap (`metrics.lesion_detection`)."""


@dataclass(frozen=True)
class StructureScore:
    """The measures of one structure; nan where undefined."""

    reference: float  # pixels or voxels; nan: its labels cannot show the structure
    result: float
    reference_ml: float  # nan: a slice, or spacing unknown
    result_ml: float
    dice: float
    voe: float  # volume overlap error, 1 - Jaccard index
    rvd: float  # relative volume difference, (result - reference) / reference
    precision: float
    recall: float
    assd_mm: float  # average symmetric surface distance
    rmsd_mm: float  # root mean square symmetric surface distance
    msd_mm: float  # maximum symmetric surface distance
    hd95_mm: float  # 95th percentile of the distances, the larger of both directions
    surface_dice_2mm: float


@dataclass(frozen=True)
class LesionScore:
    """Lesions found, missed and false by one rule."""

    reference: int
    found: int
    missed: int
    predicted: int
    false: int
    recall: float  # nan without a lesion in the reference
    precision: float  # nan without a lesion in the result


@dataclass(frozen=True)
class BurdenScore:
    """The tumour's share of the liver, tumour / (liver + tumour); nan where there is no liver."""

    reference: float
    result: float
    difference: float  # result - reference


@dataclass(frozen=True)
class Score:
    """A result against a reference."""

    structures: dict[str, StructureScore]  # by `STRUCTURES`
    lesions: dict[str, LesionScore] | None  # by `LESION_RULES`; None: no label of tumours in one of the two
    burden: BurdenScore
    worst_slices: tuple[int, ...]  # from 0, those with the most differing pixels first

    def values(self) -> dict[str, float]:
        """Every measure by a flat name, as `liver_dice`; those of lesions are nan where there are none."""
        flat = {
            f"{name}_{key}": float(value)
            for name, structure in self.structures.items()
            for key, value in asdict(structure).items()
        }
        for rule in LESION_RULES:
            lesions = None if self.lesions is None else self.lesions[rule]
            for key in LesionScore.__annotations__:
                flat[f"lesions_{rule}_{key}"] = math.nan if lesions is None else float(getattr(lesions, key))
        return flat | {f"burden_{key}": value for key, value in asdict(self.burden).items()}


def score(ct: CTImage, result: Segmentation, reference: Segmentation) -> Score:
    """The measures of `result` against `reference`, which both lie on the grid of `ct`.

    Connected regions of label 2 are lesions, 26-connected in a volume and 8-connected in a slice. Distances
    are in mm, within the slice for a lone one. Raises `InvalidSetting` where the grids differ.

    ASSD, RMSD and MSD are those of LiTS; RVD is the one that its paper defines, positive for too much. The
    surface Dice counts surface elements (`metrics.surface_distance`).
    """
    if not ct.shape == result.labels.shape == reference.labels.shape:
        raise InvalidSetting("The result and the reference must lie on the grid of the scan to be compared.")
    sides = {name: (_names(reference, name), _names(result, name)) for name in STRUCTURES}
    known = {name: all(pair) for name, pair in sides.items()}
    counted = counts(result.labels, reference.labels)
    masks = {
        "liver": (result.labels > 0, reference.labels > 0),
        "tumour": (result.labels == TUMOUR, reference.labels == TUMOUR),
    }
    structures = {
        name: _structure(ct, counted[name], *masks[name])
        if known[name] and counted[name].reference
        else _undefined(ct, counted[name], sides[name])
        for name in STRUCTURES
    }
    burden = BurdenScore(math.nan, math.nan, math.nan)
    if all(known.values()):
        expected, found = (_burden(labels) for labels in (reference.labels, result.labels))
        burden = BurdenScore(expected, found, found - expected)
    return Score(
        structures,
        _lesions(ct, *masks["tumour"]) if known["tumour"] else None,
        burden,
        worst_slices(result.labels, reference.labels),
    )


def worst_slices(result: np.ndarray, reference: np.ndarray, most: int = WORST_SLICES) -> tuple[int, ...]:
    """The slices (S, H, W) with the most differing pixels, the worst first; none without differences.

    Neighbours of a listed slice, up to a twentieth of the slices away, are left out: they look alike.

    >>> labels = np.zeros((4, 1, 5), int); other = labels.copy(); other[2, 0, :3] = 1; other[0, 0, 0] = 1
    >>> worst_slices(labels, other)
    (2, 0)
    """
    differing = np.array([np.count_nonzero(a != b) for a, b in zip(result, reference, strict=True)])
    near = len(differing) // 20
    worst: list[int] = []
    while len(worst) < most and differing.any():
        index = int(differing.argmax())
        worst.append(index)
        differing[max(0, index - near) : index + near + 1] = 0
    return tuple(worst)


def _names(seg: Segmentation, structure: str) -> bool:
    """Whether the labels can show a structure: those of a file may have no label for it."""
    return seg.labels_file is None or bool(getattr(seg.labels_file, structure))


def _volumes(ct: CTImage, case: Counts) -> tuple[float, float]:
    """mL of reference and result; nan for a slice and where the spacing is unknown."""
    voxel_mm3 = ct.voxel_volume_mm3 if ct.kind == "volume" else None
    per_voxel = math.nan if voxel_mm3 is None else voxel_mm3 / 1000
    return case.reference * per_voxel, case.predicted * per_voxel


def _undefined(ct: CTImage, case: Counts, sides: tuple[bool, bool]) -> StructureScore:
    """The sizes alone, of a structure that is not in the reference or that not both can show.

    `sides` says whether the reference and the result can show it.
    """
    sizes = (case.reference, case.predicted, *_volumes(ct, case))
    shown = [size if able else math.nan for size, able in zip(sizes, sides * 2, strict=True)]
    return StructureScore(*shown, *[math.nan] * 10)


def _structure(ct: CTImage, case: Counts, result: np.ndarray, reference: np.ndarray) -> StructureScore:
    distances = None
    if ct.spacing_mm is not None:
        box = bounding_slices(result | reference)
        assert box is not None  # the reference is not empty
        pair, spacing = [result[box], reference[box]], ct.spacing_mm
        if len(ct.hu) == 1:
            pair, spacing = [mask[0] for mask in pair], ct.spacing_mm[1:]  # type: ignore[assignment]
        distances = surface_distances(pair[0], pair[1], spacing)
    surface = [math.nan] * 5
    if distances is not None:
        surface = [
            average_distance(distances),
            root_mean_square_distance(distances),
            maximum_distance(distances),
            hausdorff_percentile(distances),
            surface_dice(distances, SURFACE_TOLERANCE_MM),
        ]
    overlap = (dice, volume_overlap_error, relative_difference, precision, recall)
    return StructureScore(
        case.reference,
        case.predicted,
        *_volumes(ct, case),
        *(measure(case) for measure in overlap),
        *surface,
    )


def _lesions(ct: CTImage, result: np.ndarray, reference: np.ndarray) -> dict[str, LesionScore]:
    box = bounding_slices(result | reference)
    if box is not None:
        result, reference = result[box], reference[box]
    labelled = [label_lesions(mask, contiguous=True) for mask in (result, reference)]
    return {
        rule: _lesion_score(score_detection(labelled[0], labelled[1], overlap))
        for rule, overlap in LESION_RULES.items()
    }


def _lesion_score(detection: Detection) -> LesionScore:
    found, reference, true, predicted = detection.tallies
    return LesionScore(
        reference,
        found,
        reference - found,
        predicted,
        predicted - true,
        found / reference if reference else math.nan,
        true / predicted if predicted else math.nan,
    )


def _burden(labels: np.ndarray) -> float:
    share = share_of_liver(int(np.count_nonzero(labels == LIVER)), int(np.count_nonzero(labels == TUMOUR)))
    return math.nan if share is None else share
