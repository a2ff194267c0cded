"""Mapping of the label values of a source to the labels of a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from liverseg.core.segmentation import CLASSES
from train.errors import TrainError

_BACKGROUND, _LIVER, _TUMOUR = CLASSES
LABEL_SETS: tuple[tuple[str, ...], ...] = (
    (_BACKGROUND,),
    (_LIVER,),
    (_TUMOUR,),
    (_LIVER, _TUMOUR),
    (_BACKGROUND, _LIVER),
    (_BACKGROUND, _TUMOUR),
    (_BACKGROUND, _LIVER, _TUMOUR),
)
"""The possible classes of each label of a dataset, by label; the first three labels are the usual ones."""

LIVER_LABEL, TUMOUR_LABEL = 1, 2

ORGAN_LABELS = (1, 2, 3)
"""Labels that are certainly liver or tumour."""


@dataclass(frozen=True)
class LabelMapping:
    """The label of a dataset (an index of `LABEL_SETS`) for each label value of a source."""

    values: tuple[tuple[int, int], ...] = ((0, 0), (1, 1), (2, 2))  # (source value, dataset label) pairs

    @classmethod
    def parse(cls, text: str) -> LabelMapping:
        """Read comma-separated `VALUE=CLASS` pairs; `+` joins the possible classes of one value.

        Raises `TrainError` for anything else.

        >>> LabelMapping.parse("0=background,127=liver,255=tumour").values
        ((0, 0), (127, 1), (255, 2))
        >>> LabelMapping.parse("0=background,1=liver+tumour").label_values["3"]
        ['liver', 'tumour']
        """
        pairs = {}
        for part in text.split(","):
            value, _, names = part.partition("=")
            classes = tuple(sorted((n.strip() for n in names.split("+")), key=_rank))
            if not value.strip().isdigit() or int(value) > 255 or classes not in LABEL_SETS:
                raise TrainError(
                    f"{part.strip()!r} is not a label: write VALUE=CLASS with a value from 0 to 255 and the "
                    f"class {', '.join(CLASSES)}, or several joined by +, as in 0=background,255=tumour."
                )
            if int(value) in pairs:
                raise TrainError(f"The label value {int(value)} is given twice.")
            pairs[int(value)] = LABEL_SETS.index(classes)
        return cls(tuple(sorted(pairs.items())))

    @property
    def label_values(self) -> dict[str, list[str]]:
        """`label_values` of `dataset.json`: the three usual labels and any others in use."""
        used = sorted({0, 1, 2} | {label for _, label in self.values})
        return {str(label): list(LABEL_SETS[label]) for label in used}

    @cached_property
    def table(self) -> np.ndarray:
        """(256,) uint8: label by source value; 255 for a value that is not mapped."""
        table = np.full(256, 255, np.uint8)
        for value, label in self.values:
            table[value] = label
        return table

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """uint8 labels of stored values of any shape and number type, with the same memory layout.

        Raises `TrainError`, which lists the unmapped values, if there are any.
        """
        if stored.dtype != np.uint8:
            with np.errstate(invalid="ignore"):
                narrow = stored.astype(np.uint8)
            if not np.array_equal(narrow, stored):
                self._refuse(stored)
            stored = narrow
        unchanged = [value for value in range(256) if self.table[value] == value]
        top = int(stored.max(initial=0))
        if unchanged[: top + 1] == list(range(top + 1)):  # every value up to the maximum maps to itself
            return stored
        labels = self.table[stored]
        if labels.max(initial=0) == 255:
            self._refuse(stored)
        return labels

    def _refuse(self, stored: np.ndarray) -> None:
        """Raise `TrainError` for the unmapped values."""
        mapped = [value for value, _ in self.values]
        unmapped = sorted(set(np.unique(stored).tolist()) - set(mapped))
        listed = ", ".join(f"{value:g}" for value in unmapped[:6]) + (", …" if len(unmapped) > 6 else "")
        raise TrainError(
            f"the reference contains labels other than {', '.join(map(str, mapped))}: {listed} "
            "(--mask-values defines what values mean)."
        )


def _rank(name: str) -> int:
    """Sort key in the order of `CLASSES`, unknown names last."""
    return CLASSES.index(name) if name in CLASSES else len(CLASSES)
