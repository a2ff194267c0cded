"""How the numbers are made: the settings of an evaluation, and the texts that go beside its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from liverseg.analysis.metrics.bootstrap import RESAMPLES
from liverseg.analysis.metrics.calibration import BINS
from liverseg.analysis.metrics.surface_distance import CONNECTIVITY
from liverseg.core.segmentation import check_threshold
from train.errors import TrainError

STRUCTURES = ("liver", "tumour")
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Of the sweep: tumour thresholds whose Dice is reported beside the one that was fixed beforehand."""

SPACES = ("mm", "2d_mm", "2d_px")
"""Where distances are measured, the suffix of their names: see `TEXTS["distances"]`."""

OVERLAP = 0.5
"""Intersection over union above which LiTS calls a lesion found."""

PROTOCOL = (
    "all slices of the split, full resolution, pixels counted per scan; liver = liver and tumour, "
    "global = pooled over scans, per case = mean over scans that show the structure"
)

TEXTS = {
    "counting": PROTOCOL + ". Pixels whose label leaves the question open are not counted.",
    "empty_masks": "Per-case means are over the scans whose reference shows the structure; a scan of them "
    "where nothing is predicted has Dice 0, VOE 1, RVD -1 and no distance. Scans whose reference is empty "
    "are in no mean: the share left clean and the false-positive pixels are given instead. What is "
    "undefined is null, with the n of every number.",
    "rvd": "rvd = (predicted - reference) / reference. rvd_lits_compat = (reference - predicted) / "
    "predicted, as LiTS's own evaluation prints it, over the scans where something is predicted.",
    "distances": "Surfaces are what an erosion with the 18-neighbourhood (8 in a slice) takes away. "
    "Names ending in _mm are in 3D, for scans of known spacing whose slices follow one another without a "
    "gap; _2d_mm and _2d_px are in the plane of each slice, pooled over the slices of a scan, for scans "
    "whose slices were thinned or whose spacing is unknown. Each scan is in one of the three, and they do "
    "not compare. In the plane, slices where only one of the masks is present have no distance; the "
    "surface Dice counts their surface as wrong. assd = average symmetric, msd = maximum (Hausdorff), "
    "rmsd = root mean square, hd95 = the larger of both ways' 95th percentiles; surface_dice = share of "
    "both surfaces within the tolerance.",
    "lesions": "Connected components (26-neighbourhood where slices follow one another without a gap, "
    "else 8 within each slice). Found: intersection over union above 0.5 after pieces are joined "
    "(overlap_50), or any shared pixel (overlap_any). Sizes are longest diameters in a slice, of reference "
    "lesions for recall and of predicted ones for precision.",
    "burden": "Tumour / (liver and tumour), over the slices of the dataset, for scans whose reference shows "
    "a liver; 0 where no liver is predicted.",
    "calibration": f"Brier score and expected calibration error ({BINS} bins of equal width) over all pixels "
    "of the slices, and over those where reference or prediction shows liver (in_liver).",
    "first_project": "The SegFormer project's protocol: only slices with annotation, arg max at a quarter of "
    "the resolution (here of the probabilities averaged over 4 x 4 pixels), labels shrunk to that by "
    "nearest neighbour, pixels of all scans pooled; each class by itself, so that liver is label 1 without "
    "the tumour (liver_with_tumour is the organ).",
    "intervals": f"95 % percentile bootstrap over scans, {RESAMPLES} resamples; none for fewer than two "
    "scans. Those of means and pooled numbers alike draw whole scans.",
}


@dataclass(frozen=True)
class Protocol:
    """What an evaluation decides before it looks at a scan. Raises `LiversegError`s out of range."""

    threshold: float = 0.5  # tumour probability from which a pixel is called tumour
    context: bool = True  # False: neighbouring slices are hidden
    flips: bool = False  # True: averaged with the mirror image's probabilities
    tolerance: float = 2.0  # of the surface Dice, mm or px
    connectivity: int = CONNECTIVITY  # of the surfaces
    seed: int = 0  # of the bootstrap

    def __post_init__(self) -> None:
        check_threshold(self.threshold)
        if self.tolerance < 0 or self.connectivity not in (1, 2, 3):
            raise TrainError("The tolerance must not be negative, the connectivity 1, 2 or 3.")
        if self.seed < 0:
            raise TrainError("The seed of the bootstrap must be 0 or more.")

    def at(self, threshold: float) -> Protocol:
        """The same at another threshold."""
        return replace(self, threshold=threshold)

    def to_json(self) -> dict:
        """The settings and the texts."""
        return {**asdict(self), "intervals": f"bootstrap, {RESAMPLES} resamples", "texts": TEXTS}
