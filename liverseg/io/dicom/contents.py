"""Sentences on a folder, list or zip: what is in it if there is no CT, and what in it was not read."""

from __future__ import annotations

import re
from collections import Counter

from liverseg.io import folder

DICOM_WITHOUT_IMAGE = "DICOM file without an image"
OTHER_DICOM_IMAGE = "DICOM image of another kind"
_COUNTABLE = re.compile(r"\b(file|image|picture|archive|document|pointer|array)\b")
_READ_ALONE = (
    *("NIfTI image", "NRRD file", "MetaImage file"),
    *("PNG picture", "JPEG picture", "TIFF picture", "WebP picture", "zip archive"),
)
_MAX_KINDS = 3  # that are named
_SKIPPED = {  # reasons of `folder.Entry.skipped`: for one, for several
    folder.LEADS_OUT: (
        "1 link that leads out of the folder was not followed",
        "{} links that lead out of the folder were not followed",
    ),
    folder.LEADS_NOWHERE: (
        "1 link leads to a file that is not there (git-annex and DataLad fetch it with get)",
        "{} links lead to files that are not there (git-annex and DataLad fetch them with get)",
    ),
    folder.NOT_OPENED: (
        "1 folder cannot be opened (permission denied)",
        "{} folders cannot be opened (permission denied)",
    ),
    folder.NO_FILE: (
        "1 entry that is neither a file nor a folder was left out",
        "{} entries that are neither files nor folders were left out",
    ),
}


def no_ct_sentence(place: str, others: Counter[str], skipped: Counter[str]) -> str:
    """Why an input without a CT slice is refused.

    `place` is "folder", "list" or "zip"; `others` counts what is in it (`sniff.describe`), `skipped` what was
    not read (`folder.Entry.skipped`).

    >>> no_ct_sentence("folder", Counter({"PNG picture": 1}), Counter())
    'There is no DICOM CT image in the folder; it holds 1 PNG picture: give the PNG picture by itself.'
    """
    sentence = f"There is no DICOM CT image in the {place}"
    readable = [kind for kind in _READ_ALONE if others[kind]]
    kinds = [*readable, *(kind for kind, _ in others.most_common() if kind not in readable)]
    parts = []
    if kinds:
        named = [_counted(others[kind], kind) for kind in kinds[:_MAX_KINDS]]
        named += ["other files"] * (len(kinds) > _MAX_KINDS)
        holds = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
        parts.append(f"it holds {holds}{_advice(place, readable, others)}")
    elif not skipped:
        parts.append("it is empty")
    parts += [warning[0].lower() + warning[1:].rstrip(".") for warning in skipped_warnings(skipped)]
    return f"{sentence}; {'; '.join(parts)}."


def skipped_warnings(skipped: Counter[str]) -> tuple[str, ...]:
    """A sentence on each kind of entry in a folder that was not read."""
    return tuple(
        f"{(one if skipped[reason] == 1 else several).format(skipped[reason])}."
        for reason, (one, several) in _SKIPPED.items()
        if skipped[reason]
    )


def _advice(place: str, readable: list[str], others: Counter[str]) -> str:
    if not readable:
        return ""
    outside = ", outside the zip" if place == "zip" else ""
    if len(readable) > 1:
        which = "one of these images or archives"
    elif others[readable[0]] > 1:
        which = f"one of the {_plural(readable[0])}"
    else:
        which = f"the {readable[0]}"
    return f": give {which} by itself{outside}"


def _counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> _counted(1, "NIfTI image"), _counted(2, "half of an Analyze or NIfTI pair")
    ('1 NIfTI image', '2 halves of an Analyze or NIfTI pair')
    """
    return f"1 {noun}" if count == 1 else f"{count} {_plural(noun)}"


def _plural(noun: str) -> str:
    if noun.startswith("half"):
        return noun.replace("half", "halves", 1)
    return _COUNTABLE.sub(lambda word: word[0] + "s", noun, count=1)
