"""The result of a checkpoint for a CT image: probabilities, and labels derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from liverseg.core.components import Components
from liverseg.core.labels import (
    BACKGROUND,
    CLASSES,
    LIVER,
    TUMOUR,
    check_threshold,
    labels_from_probabilities,
    labels_of_volume,
)
from liverseg.core.labels_file import NO_CHECKPOINT_REF, HandEdits, LabelsFile
from liverseg.core.largest_component import RemovedComponents, find_bodies, keep_largest_body
from liverseg.core.lesion_candidates import (
    NO_RULES,
    UNSURE,
    LesionCandidates,
    LesionRules,
    decide_lesions,
    label_lesions,
    labelled_candidates,
)
from liverseg.core.lesion_rejection import Rejections, reject, rejected_numbers
from liverseg.core.slice_skipping import undecided_slices
from liverseg.core.sure_bodies import remove_unsure_bodies
from liverseg.errors import InvalidSetting

__all__ = [
    "BACKGROUND",
    "CLASSES",
    "LIVER",
    "TUMOUR",
    "CheckpointIdentity",
    "Segmentation",
    "check_threshold",
    "labels_from_probabilities",
    "probability_type",
]

SKIPPED_SLICES_WARNING = (
    "At this tumour threshold the liver may extend into slices that were skipped. "
    "Segment the scan again with this threshold."
)
"""Warning of `Segmentation.at_threshold` if the skipped slices could change the result."""


def probability_type(slices: int) -> type[np.floating]:
    """float32 for a single slice; float16 for a volume, to halve its memory (rounds by at most 0.00025)."""
    return np.float32 if slices == 1 else np.float16


UNSURE_LESION = 3
"""Value of unsure lesions in `Segmentation.labels_with_unsure`. In `labels` they are liver."""


@dataclass(frozen=True)
class CheckpointIdentity:
    """The checkpoint that a result comes from."""

    ref: str  # "name@version"
    sha256: str  # of model.pt
    registry: str  # "bundled", the name of a folder, or "hf://owner"
    revision: str | None = None  # full commit hash of a checkpoint from the Hub


@dataclass(frozen=True)
class Segmentation:
    """Labels and probabilities on the grid of the `CTImage` they were computed from.

    The labels of a volume contain only the largest connected body (`core.largest_component`), unless
    `keep_all` is set; those of a lone slice only bodies that the network is sure of, if the checkpoint has
    that rule (`core.sure_bodies`). Tumour is the label of likely lesions only (`core.lesion_candidates`). The
    probabilities are those of the network, smoothed across slices if the checkpoint says so, and 0 where
    the network was not run. Labels of a file (`from_labels`) have none: the maps are then 0 everywhere.
    """

    labels: np.ndarray  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour
    tumour_probability: np.ndarray  # (S, H, W) `probability_type`
    organ_probability: np.ndarray  # (S, H, W) of the same type; liver and tumour together
    threshold: float  # tumour probability from which a pixel is labelled tumour
    checkpoint: CheckpointIdentity
    engine: str  # "torch" | "openvino", with its version and precision
    timing_s: dict[str, float] = field(default_factory=dict)  # step -> seconds
    warnings: tuple[str, ...] = ()
    removed: RemovedComponents | None = None  # removed bodies; None: the rule was not applied
    skipped: tuple[tuple[int, int], ...] = ()  # first and last slice of each skipped range
    searched: bool = False  # whether the liver was located at low resolution and segmented within its box
    keep_all: bool = False  # whether all bodies are kept
    only_slice: int | None = None  # index of the only slice segmented; None: all slices
    lesion_rules: LesionRules = NO_RULES
    candidates: LesionCandidates | None = None  # the decision about each; None: every component is a lesion
    least_body_probability: float = 0.0  # mean that a body of a lone slice must reach; 0: all are kept
    rejections: Rejections | None = None  # lesions that the user rejected; None: the result is not edited
    labels_file: LabelsFile | None = None  # where the labels come from; None: from the checkpoint
    hand_edits: HandEdits | None = None  # changes to the labels of an earlier result; None: not known

    @classmethod
    def from_labels(
        cls, labels: np.ndarray, source: LabelsFile, hand_edits: HandEdits | None = None
    ) -> Segmentation:
        """Labels (S, H, W) uint8 of 0, 1 and 2 that a person or another tool made: no probabilities.

        Each connected region of tumour is a likely lesion.
        """
        nothing = np.broadcast_to(probability_type(len(labels))(0), labels.shape)
        identity = CheckpointIdentity(NO_CHECKPOINT_REF, source.sha256 or "", "none")
        return cls(labels, nothing, nothing, 1.0, identity, "none", labels_file=source, hand_edits=hand_edits)

    @property
    def has_probabilities(self) -> bool:
        """Whether the probabilities are those of a network."""
        return self.labels_file is None

    @property
    def lesion_cut(self) -> float | None:
        """The lesion probability from which a candidate is likely; None without a lesion model."""
        return None if self.lesion_rules.model is None else self.lesion_rules.cut

    @property
    def has_unsure(self) -> bool:
        """Whether some candidate is unsure and not rejected."""
        return self.candidates is not None and self.candidates.count(UNSURE) > 0

    @property
    def rejected(self) -> tuple[int, ...]:
        """The numbers of the rejected lesions (`Lesion.id`), in rising order."""
        return () if self.candidates is None else rejected_numbers(self.candidates)

    @cached_property
    def tumour_components(self) -> Components:
        """The connected components of the label tumour, found once: the labels must not change after that."""
        return labelled_candidates(self.labels).components

    def labels_with_unsure(self, z: int) -> np.ndarray:
        """(H, W) uint8: the labels of slice `z`, where unsure lesions have the value `UNSURE_LESION`."""
        labels: np.ndarray = self.labels[z]
        if self.candidates is None:
            return labels
        components, unsure = self.candidates.components, self.candidates.having(UNSURE)
        parts = components.parts[z]
        if parts is None or not unsure[parts.components].any():
            return labels
        return np.where(components.plane(z, unsure), np.uint8(UNSURE_LESION), labels)

    def at_threshold(self, threshold: float, lesion_cut: float | None = None) -> Segmentation:
        """The same probabilities with labels at another tumour threshold; no network is run.

        `lesion_cut` replaces the lesion probability from which a candidate is likely. Rejections follow
        their voxels (`core.lesion_rejection`). Raises `InvalidSetting` for a threshold outside (0, 1], a cut
        outside [0, 1], a cut where the checkpoint has no lesion model, and for labels of a file.
        """
        if not self.has_probabilities:
            raise InvalidSetting(
                "These labels come from a file: without probabilities there is no threshold."
            )
        rules = self.lesion_rules if lesion_cut is None else self.lesion_rules.with_cut(lesion_cut)
        moved = self._with_bodies_at(threshold)
        return moved.with_lesions(rules)

    def with_lesions(self, rules: LesionRules) -> Segmentation:
        """The labels after `rules` have decided each candidate; `labels` are changed in place.

        Earlier decisions do not matter.
        """
        if rules == NO_RULES and self.candidates is None:
            return self
        candidates = decide_lesions(
            self.labels, self.organ_probability, self.tumour_probability, self.threshold, rules
        )
        rejections = self.rejections
        if rejections is not None:
            candidates, rejections = rejections.applied_to(candidates)
            label_lesions(self.labels, candidates)
        return replace(self, lesion_rules=rules, candidates=candidates, rejections=rejections)

    def with_rejected(self, numbers: Iterable[int]) -> Segmentation:
        """The result with the lesions of these numbers (`Lesion.id`) rejected, and no others.

        A rejected lesion is labelled liver and does not count; all lesions keep their numbers. Without
        numbers this is the result as it was before any rejection. Raises `InvalidSetting` for a number that
        no lesion has.
        """
        candidates = reject(self.candidates or labelled_candidates(self.labels), numbers)
        if candidates.rejected is None and self.rejections is None:
            return self
        labels = self.labels.copy()
        label_lesions(labels, candidates)
        if candidates.rejected is None:
            before = None if self.lesion_rules == NO_RULES else candidates
            return replace(self, labels=labels, candidates=before, rejections=None)
        made = Rejections(candidates, self.threshold, self.lesion_cut)
        return replace(self, labels=labels, candidates=candidates, rejections=made)

    def _with_bodies_at(self, threshold: float) -> Segmentation:
        """Labels at another threshold, with only the kept bodies and every candidate labelled tumour."""
        labels = labels_of_volume(self.organ_probability, self.tumour_probability, threshold)
        if self.least_body_probability:
            z = self.only_slice if self.only_slice is not None and len(labels) > 1 else 0
            removed = remove_unsure_bodies(labels[z], self.organ_probability[z], self.least_body_probability)
            return replace(self, labels=labels, threshold=threshold, removed=removed)
        if self.removed is None:
            return replace(self, labels=labels, threshold=threshold)
        bodies = find_bodies(labels)
        skipped = np.zeros(len(labels), bool)
        for first, last in self.skipped:
            skipped[first : last + 1] = True
        warnings = tuple(warning for warning in self.warnings if warning != SKIPPED_SLICES_WARNING)
        pixels = 0 if self.searched else labels[0].size  # the search rules out livers in skipped slices
        if undecided_slices(bodies, skipped, pixels):
            warnings += (SKIPPED_SLICES_WARNING,)
        removed = keep_largest_body(labels, bodies)
        return replace(self, labels=labels, threshold=threshold, removed=removed, warnings=warnings)
