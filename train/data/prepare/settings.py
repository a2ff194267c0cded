"""Settings of `prepare`: those that decide the pixels of a dataset, and those that split its scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from liverseg.core.window import DEFAULT_WINDOW, Window
from train.data.intensity import Intensity
from train.data.prepare.labels import LabelMapping
from train.errors import TrainError

SCAN_PATTERN = r"^(?:scan|volume|patient|case)?[-_]?(?P<scan>.+?)[-_](?:slice[-_]?)?(?P<index>\d+)$"
"""Default pattern of picture names: `volume-10_slice-012` is slice 12 of scan 10."""


@dataclass(frozen=True)
class ConversionSettings:
    """Everything that decides which pixels and rows are written for a scan.

    A folder written with other values is not resumed.
    """

    intensity: Intensity = Intensity()
    empty_share: float = 0.2  # share of slices without liver and tumour to keep, evenly spaced
    labels: LabelMapping = LabelMapping()
    picture_window: Window = DEFAULT_WINDOW  # window of the source's pictures and of NIfTI files with grey
    picture_offset: float | None = None  # 16-bit pictures store HU + this; None: grey over the full range
    scan_pattern: str = SCAN_PATTERN  # regular expression for picture names without suffix
    keep_orientation: bool = False  # take pictures as they are, without looking at the anatomy

    def __post_init__(self) -> None:
        if not 0 <= self.empty_share <= 1:
            raise TrainError("The share of empty slices to keep must be a number from 0 to 1.")

    def to_json(self) -> dict:
        """The settings as JSON values, for comparison with those of an earlier run."""
        return {
            "intensity": self.intensity.to_json(),
            "empty_share": self.empty_share,
            "labels": [list(pair) for pair in self.labels.values],
            "picture_window": [self.picture_window.center_hu, self.picture_window.width_hu],
            "picture_offset": self.picture_offset,
            "scan_pattern": self.scan_pattern,
            "keep_orientation": self.keep_orientation,
        }


@dataclass(frozen=True)
class SplitSettings:
    """How scans are divided into splits. Changing it does not require another conversion."""

    shares: Mapping[str, float] = field(default_factory=lambda: {"train": 0.8, "val": 0.2})
    seed: int = 0
    groups: Mapping[str, str] = field(default_factory=dict)  # scan -> group; overrides the source's groups
    fixed: Mapping[str, str] | None = None  # scan -> split; replaces the random draw


@dataclass(frozen=True)
class PrepareSettings:
    """All settings of `prepare`."""

    conversion: ConversionSettings = ConversionSettings()
    splitting: SplitSettings = field(default_factory=SplitSettings)
    jobs: int = 1  # processes and writer threads together
    masks: str | None = None  # folder of masks, for a source that is a folder of pictures
    overwrite: bool = False  # start over if the folder was written with other settings
    name: str | None = None  # of the dataset; None: the name of the source's folder
    licence: str | None = None  # None: that of the source
    citation: str | None = None  # None: that of the source
