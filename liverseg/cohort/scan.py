"""Scans, inputs that are not scans, and the settings of a run; their identifiers reveal no path."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from liverseg.cohort.remote_files import File

REFUSED, ASIDE, MEMORY, CRASHED, UNAVAILABLE = "refused", "left aside", "memory", "crashed", "unavailable"
"""The kinds of `Failure`, as `failures.csv` names them."""

PERMANENT_KINDS = (REFUSED, ASIDE)
"""Failures that another run would repeat. Inputs with any other kind of failure are tried again."""


@dataclass(frozen=True)
class Scan:
    """One input of the network: a volume file, a zip, a picture, or the files of one DICOM series."""

    id: str  # made by `input_id`
    files: tuple[File, ...]
    series: int | None = None  # the argument of `liverseg.read`
    shape: tuple[int, int, int] | None = None  # slices, rows, columns; None: not known yet

    @property
    def stamp(self) -> str:
        """24 hexadecimal digits that change when a file changes."""
        text = "\n".join(f"{file.address} {file.stamp}" for file in self.files)
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True)
class Failure:
    """An input without a row in the table of scans, and the reason."""

    id: str
    kind: str  # `REFUSED`, `ASIDE`, `MEMORY`, `CRASHED` or `UNAVAILABLE`
    reason: str  # one sentence that names no file
    attempts: int = 0
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class CohortSettings:
    """Everything but the input that a result depends on; runs with equal settings share their results.

    Names, order and values of the fields are part of `digest`, and thereby of the folders of all results.
    """

    checkpoint: str  # name@version
    checkpoint_sha256: str
    engine: str = "auto"
    threshold: float | None = None
    keep_all: bool = False
    formats: tuple[str, ...] = ()
    version: str = ""  # of liverseg
    lesion_cut: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings by name; without `lesion_cut` if it is the checkpoint's own."""
        settings = asdict(self)
        if self.lesion_cut is None:
            del settings["lesion_cut"]  # results of versions without it keep their folders
        return settings

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that identify the settings.

        >>> CohortSettings("a@1", "00").digest == CohortSettings("a@1", "00", threshold=0.4).digest
        False
        """
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def key(self, input_sha256: str) -> str:
        """24 hexadecimal digits that identify the result of one input with these settings."""
        return hashlib.sha256(f"{input_sha256} {self.digest}".encode()).hexdigest()[:24]


def input_id(salt: bytes, addresses: Iterable[str], series: int | None = None) -> str:
    """20 hexadecimal digits that identify an input.

    The digits are an HMAC with the key `salt`: without the salt, nobody can test whether an id belongs to a
    guessed path.

    >>> input_id(b"1", ["/a"]) == input_id(b"1", ["/a"]) != input_id(b"2", ["/a"])
    True
    """
    text = "\n".join([*sorted(addresses), str(series)])
    return hmac.new(salt, text.encode(errors="surrogateescape"), "sha256").hexdigest()[:20]
