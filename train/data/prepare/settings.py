"""What a dataset is prepared with: what changes its pixels, and how its scans are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from liverseg.core.window import DEFAULT_WINDOW, Window
from train.data.intensity import Intensity
from train.data.prepare.labels import LabelMapping
from train.errors import TrainError

SCAN_PATTERN = r"^(?:scan|volume|patient|case)?[-_]?(?P<scan>.+?)[-_](?:slice[-_]?)?(?P<index>\d+)$"
"""How a picture's name tells its scan and its place in it: `volume-10_slice-012` is slice 12 of scan 10."""


@dataclass(frozen=True)
class Conversion:
    """All that decides which pixels and rows a scan becomes; a change of it makes another dataset."""

    intensity: Intensity = Intensity()
    empty_share: float = 0.2  # of the slices that show neither liver nor tumour, evenly spaced
    labels: LabelMapping = LabelMapping()
    picture_window: Window = DEFAULT_WINDOW  # that pictures of a source, and grey NIfTI, were made with
    picture_offset: float | None = None  # 16-bit pictures store HU + this; None: grey over the full range
    scan_pattern: str = SCAN_PATTERN  # of picture names, without the suffix

    def __post_init__(self) -> None:
        if not 0 <= self.empty_share <= 1:
            raise TrainError("The share of empty slices to keep is a number from 0 to 1.")

    def to_json(self) -> dict:
        """The settings as plain values, to be compared with those of an earlier run."""
        return {
            "intensity": self.intensity.to_json(),
            "empty_share": self.empty_share,
            "labels": [list(pair) for pair in self.labels.values],
            "picture_window": [self.picture_window.center_hu, self.picture_window.width_hu],
            "picture_offset": self.picture_offset,
            "scan_pattern": self.scan_pattern,
        }


@dataclass(frozen=True)
class Splitting:
    """How scans are divided; may change without converting anything again."""

    shares: Mapping[str, float] = field(default_factory=lambda: {"train": 0.8, "val": 0.2})
    seed: int = 0
    groups: Mapping[str, str] = field(default_factory=dict)  # scan -> group, beside the built-in ones
    fixed: Mapping[str, str] | None = None  # scan -> split: nothing is drawn


@dataclass(frozen=True)
class PrepareSettings:
    """How scans become a dataset."""

    conversion: Conversion = Conversion()
    splitting: Splitting = field(default_factory=Splitting)
    jobs: int = 1  # processes and writer threads together
    masks: str | None = None  # folder of masks beside a source that is a folder of pictures
    overwrite: bool = False  # start over where the folder was begun with other settings
    name: str | None = None  # of the dataset; None: of the source's folder
    licence: str | None = None
    citation: str | None = None
