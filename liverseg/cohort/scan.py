"""What a cohort is made of: scans to segment and inputs that are none, with names that tell nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from liverseg.cohort.remote_files import File

REFUSED, ASIDE, MEMORY, CRASHED, UNAVAILABLE = "refused", "left aside", "memory", "crashed", "unavailable"
FINAL = (REFUSED, ASIDE)
"""The kinds of failure that another run would repeat; the others it tries again."""


@dataclass(frozen=True)
class Scan:
    """One input of the network: a NIfTI file, a zip, a picture, or the files of one DICOM series."""

    id: str  # says nothing of the path, see `input_id`
    files: tuple[File, ...]
    series: int | None = None  # as `liverseg.read` takes it
    shape: tuple[int, int, int] | None = None  # slices, rows, columns; None: not known yet

    @property
    def stamp(self) -> str:
        """Changes when a file does."""
        text = "\n".join(f"{file.address} {file.stamp}" for file in self.files)
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True)
class Failure:
    """An input without a row in the table, and why."""

    id: str
    kind: str  # one of the above
    reason: str  # one sentence, without the name of a file
    attempts: int = 0
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What a result depends on beside its input; two runs that agree in it share their results."""

    checkpoint: str  # name@version
    checkpoint_sha256: str
    engine: str = "auto"
    threshold: float | None = None
    keep_all: bool = False
    formats: tuple[str, ...] = ()
    version: str = ""  # of liverseg

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """12 hexadecimal digits.

        >>> Settings("a@1", "00").digest == Settings("a@1", "00", threshold=0.4).digest
        False
        """
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def key(self, input_sha256: str) -> str:
        """The name of a result: of this input by these settings, 24 hexadecimal digits."""
        return hashlib.sha256(f"{input_sha256} {self.digest}".encode()).hexdigest()[:24]


def input_id(salt: bytes, addresses: Iterable[str], series: int | None = None) -> str:
    """20 hexadecimal digits for an input: without `salt` no path can be tried against them.

    >>> input_id(b"1", ["/a"]) == input_id(b"1", ["/a"]) != input_id(b"2", ["/a"])
    True
    """
    text = "\n".join([*sorted(addresses), str(series)])
    return hmac.new(salt, text.encode(errors="surrogateescape"), "sha256").hexdigest()[:20]
