"""Which labels of a mask are liver and which tumour: by their names, by 1 and 2, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liverseg.core.labels import LIVER, TUMOUR
from liverseg.errors import InvalidSetting, UnreadableInput
from liverseg.io.masks.mask import MaskLabel

STRUCTURES = ("liver", "tumour")

LabelMap = Mapping[str, Sequence[str]]
"""Values, numbers or names of labels for "liver" and "tumour", as `parse_map` gives them."""

MAX_LISTED = 12
"""Most labels that a sentence lists."""

_ORGAN_WORDS = {"liver", "hepatic", "hepar", "leber", "foie", "higado", "hígado", "lever"}
_TUMOUR_WORDS = {
    *("tumour", "tumours", "tumor", "tumors", "lesion", "lesions", "neoplasm", "neoplasms"),
    *("metastasis", "metastases", "hcc", "gtv", "cancer", "carcinoma", "malignancy", "mass", "masses"),
}
_PLAIN_WORDS = {
    *("the", "of", "and", "whole", "healthy", "normal", "tissue", "parenchyma", "organ", "lobe", "right"),
    *("left", "segment", "segmentation", "seg", "mask", "label", "primary", "secondary", "likely"),
}
_UNSURE = "unsure"  # in a SEG of liverseg: labelled liver


@dataclass(frozen=True)
class ChosenLabels:
    """The labels of a mask that are liver and tumour."""

    liver: tuple[MaskLabel, ...]
    tumour: tuple[MaskLabel, ...]
    left_out: int  # the number of the other labels


def parse_map(text: str) -> dict[str, tuple[str, ...]]:
    """The value of `--map`: for liver and tumour, values or names of labels.

    Raises `InvalidSetting` for anything else.

    >>> parse_map("liver=1+3,tumour=2")
    {'liver': ('1', '3'), 'tumour': ('2',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        name, mark, values = part.partition("=")
        name = name.strip().lower().replace("tumor", "tumour")
        wanted = tuple(value.strip() for value in values.split("+") if value.strip())
        if not mark or name not in STRUCTURES or not wanted or name in found:
            raise InvalidSetting(
                "A map of labels is liver=VALUE,tumour=VALUE, with + between several values or names of one."
            )
        found[name] = wanted
    return found


def choose_labels(labels: Sequence[MaskLabel], wanted: LabelMap | None = None) -> ChosenLabels:
    """The labels that are liver and tumour; `wanted` None: by their names, or 1 and 2 where there are none.

    Raises `InvalidSetting` where `wanted` names a label that is not there or two things at once, and
    `UnreadableInput` where the labels do not say what they are, with a list of them.
    """
    if wanted is not None:
        chosen = {name: _find(labels, wanted.get(name, ())) for name in STRUCTURES}
        if set(chosen["liver"]) & set(chosen["tumour"]):
            raise InvalidSetting("The map of labels names one label as liver and as tumour.")
    elif any(label.name or label.kind for label in labels):
        chosen = {name: tuple(one for one in labels if _meaning(one) == name) for name in STRUCTURES}
        if not any(chosen.values()):
            raise UnreadableInput(f"None of the mask's names is that of liver or tumour. {_ask(labels)}")
    else:
        if any(label.number not in (LIVER, TUMOUR) for label in labels):
            raise UnreadableInput(f"The mask does not say which labels are liver and tumour. {_ask(labels)}")
        chosen = {"liver": (MaskLabel(LIVER),), "tumour": (MaskLabel(TUMOUR),)}
    taken = {*chosen["liver"], *chosen["tumour"]}
    return ChosenLabels(chosen["liver"], chosen["tumour"], sum(label not in taken for label in labels))


def _find(labels: Sequence[MaskLabel], wanted: Sequence[str]) -> tuple[MaskLabel, ...]:
    found = []
    for text in wanted:
        fitting = [one for one in labels if one.name.casefold() == text.casefold()]
        if not fitting and text.isdecimal():
            fitting = [one for one in labels if one.number == int(text)]
        if len(fitting) > 1:
            raise InvalidSetting("Several labels of the mask have one value of the map: give their names.")
        if not fitting:
            raise InvalidSetting(f"The mask has no label {text!r}. {_listed(labels)}")
        found += fitting
    return tuple(found)


def _meaning(label: MaskLabel) -> str:
    """ "liver", "tumour" or "" by the name of a label or, failing that, by the kind of its segment.

    >>> [_meaning(MaskLabel(1, name)) for name in ("Liver_Segment_4", "liver tumor", "kidney_tumor", "GTV-2")]
    ['liver', 'tumour', '', 'tumour']
    """
    return _meaning_of(label.name) or _meaning_of(label.kind)


def _meaning_of(text: str) -> str:
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    if not words or words - _ORGAN_WORDS - _TUMOUR_WORDS - _PLAIN_WORDS - {_UNSURE}:
        return ""
    if _UNSURE in words:
        return "liver"
    return "tumour" if words & _TUMOUR_WORDS else "liver" if words & _ORGAN_WORDS else ""


def _ask(labels: Sequence[MaskLabel]) -> str:
    first = labels[0].number
    return f"{_listed(labels)} Say which are which, as in --map liver={first},tumour={labels[-1].number}."


def _listed(labels: Sequence[MaskLabel]) -> str:
    shown = [f"{one.number} ({one.name})" if one.name else f"{one.number}" for one in labels[:MAX_LISTED]]
    more = f" and {len(labels) - MAX_LISTED} more" if len(labels) > MAX_LISTED else ""
    return f"It has {', '.join(shown)}{more}."
