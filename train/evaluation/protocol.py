"""The settings of an evaluation, and the texts in `metrics.json` that define its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from liverseg.analysis.metrics.bootstrap import RESAMPLES
from liverseg.analysis.metrics.calibration import BINS
from liverseg.analysis.metrics.surface_distance import CONNECTIVITY
from liverseg.core.segmentation import check_threshold
from train.errors import TrainError

MODES = {"slice": "slices alone", "volume": "volumes"}
"""What is segmented at a time, and its name in tables: single slices, or all slices of a scan together."""

STRUCTURES = ("liver", "tumour")
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Tumour thresholds of the sweep, whose Dice is reported besides that of the threshold of the evaluation."""

SPACES = ("mm", "2d_mm", "2d_px")
"""Spaces in which distances are measured, used as suffixes of metric names; see `TEXTS["distances"]`."""

OVERLAP = 0.5
"""Intersection over union above which a lesion counts as detected (LiTS)."""

PROTOCOL = (
    "all slices of the split, full resolution, pixels counted per scan; liver = liver and tumour, "
    "global = pooled over scans, per case = mean over scans that show the structure"
)

VOLUME_PROTOCOL = (
    "volumes: all slices of a scan segmented together by the rules that users get, the largest body kept; "
    "lesions 26-connected over the slices in hand, also where these are not consecutive; " + PROTOCOL
)
"""The first words of the protocol of volume mode; that of slice mode is `PROTOCOL`."""

TEXTS = {
    "mode": "slice (slices alone): every slice is decided on its own; a network with context sees its "
    "neighbours unless they are hidden. volume (volumes): all slices of a scan are segmented together by "
    "the rules that users get: the largest body is kept, and the checkpoint's rules for volumes and lesions "
    "apply. The distance between slices is the dataset's times the median step of their indices, or unknown.",
    "counting": PROTOCOL + ". Pixels whose partial label does not decide membership are not counted.",
    "empty_masks": "Per-case means are over the scans whose reference shows the structure; where nothing is "
    "predicted in such a scan, it has Dice 0, VOE 1, RVD -1 and no distance. Scans with an empty reference "
    "are in no mean; the share of them without a prediction and the false-positive pixels are given "
    "instead. Undefined values are null, and every number has its n.",
    "rvd": "rvd = (predicted - reference) / reference. rvd_lits_compat = (reference - predicted) / "
    "predicted, as in the output of the LiTS evaluation code, over the scans where something is predicted.",
    "distances": "The surface of a mask is the set of pixels that an erosion with the 18-neighbourhood (8 "
    "in a slice) removes. Names ending in _mm are distances in 3D, for scans of known spacing with "
    "consecutive slices; _2d_mm and _2d_px are distances in the plane of each slice, pooled over the slices "
    "of a scan, for scans with left-out slices or of unknown spacing. Each scan is in one of the three "
    "groups, whose numbers cannot be compared with each other. In the plane, slices where only one of the "
    "masks is present have no distance; the surface Dice counts their surface as wrong. assd = average "
    "symmetric, msd = maximum (Hausdorff), rmsd = root mean square, hd95 = the larger of the 95th "
    "percentiles of the two directions; surface_dice = share of both surfaces within the tolerance.",
    "lesions": "Connected components: in volume mode with the 26-neighbourhood over the slices in hand, also "
    "where these are not consecutive; in slice mode with the 26-neighbourhood where slices are consecutive, "
    "else 8 within each slice. Predicted lesions are the likely ones; candidates adds those that a lesion "
    "model finds unsure. A lesion is detected if its intersection over union, after its pieces are "
    "merged, is above 0.5 (overlap_50), or if it shares any pixel (overlap_any). Sizes are longest "
    "diameters in a slice, of reference lesions for recall and of predicted lesions for precision.",
    "tumour_free_scans": "Scans whose labels show no tumour and leave none open, over the slices in hand.",
    "liver_free_slices": "Slices whose labels are background in every pixel: the share in which liver or "
    "tumour is predicted, and the predicted pixels.",
    "burden": "Tumour / (liver and tumour), over the slices of the dataset, for scans whose reference shows "
    "a liver; 0 where no liver is predicted.",
    "calibration": f"Brier score and expected calibration error ({BINS} bins of equal width) over all pixels "
    "of the slices, and over the pixels where reference or prediction is liver (in_liver).",
    "first_project": "The protocol of the SegFormer project: only annotated slices, arg max at a quarter of "
    "the resolution (here of the probabilities averaged over 4 x 4 pixels), labels reduced to it by nearest "
    "neighbour, pixels of all scans pooled; each class separately, so that liver is label 1 without the "
    "tumour (liver_with_tumour is the organ).",
    "intervals": f"95 % percentile bootstrap over scans, {RESAMPLES} resamples; no interval for fewer than "
    "two scans. Both means and pooled numbers resample whole scans.",
}


@dataclass(frozen=True)
class Protocol:
    """The settings of an evaluation. Raises a `LiversegError` for values out of range."""

    threshold: float = 0.5  # tumour probability from which a pixel is labelled tumour
    context: bool = True  # False: neighbouring slices are hidden
    flips: bool = False  # True: probabilities are averaged with those of the mirror image
    tolerance: float = 2.0  # of the surface Dice, mm or pixels
    connectivity: int = CONNECTIVITY  # of the erosion that defines a surface: 1, 2 or 3
    seed: int = 0  # of the bootstrap
    mode: str = "slice"  # one of `MODES`

    def __post_init__(self) -> None:
        check_threshold(self.threshold)
        if self.tolerance < 0 or self.connectivity not in (1, 2, 3):
            raise TrainError("The tolerance must be 0 or more, and the connectivity 1, 2 or 3.")
        if self.seed < 0:
            raise TrainError("The seed of the bootstrap must be 0 or more.")
        if self.mode not in MODES:
            raise TrainError(f"The mode must be one of {', '.join(MODES)}.")
        if self.mode == "volume" and (self.flips or not self.context):
            raise TrainError(
                "Volumes are scored as users get them: neighbouring slices cannot be hidden, and "
                "probabilities are not averaged with the mirror image."
            )

    def to_json(self) -> dict:
        """`protocol` of metrics.json: the settings and the texts that define the numbers."""
        return {**asdict(self), "intervals": f"bootstrap, {RESAMPLES} resamples", "texts": TEXTS}
