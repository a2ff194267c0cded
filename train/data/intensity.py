"""The mapping between the stored grey values of a dataset and HU (pure functions on arrays).

There are three models; `kind` in the `intensity` of `dataset.json` names the one in use:

- `window`, 8 bits: one window, `hu = center - width / 2 + g / 255 * width`, saturated at both ends.
- `windows`, 8 bits: up to three windows, each in one channel of an RGB picture, in the listed order.
  The HU of a pixel comes from the narrowest window that is not saturated there.
- `linear`, 16 bits: no window, `hu = slope * g + intercept`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.core.window import DEFAULT_WINDOW, Window, from_unit
from liverseg.errors import LiversegError
from train.errors import TrainError

MAX_WINDOWS = 3
"""A PNG has three colour channels."""

_LINEAR_RANGE = 4095  # highest 12-bit value; CT scanners store -1024 to 3071 HU in 12 bits


@dataclass(frozen=True)
class Intensity:
    """The intensity model of one dataset: one to three windows, or a linear map without a window.

    >>> Intensity((Window(40, 400),)).to_hu(np.array([[0, 255]], np.uint8)).tolist()
    [[-160.0, 240.0]]
    >>> Intensity.hu16().from_hu(np.array([-1024.0, 40.4])).tolist()
    [0, 1064]
    """

    windows: tuple[Window, ...] = (DEFAULT_WINDOW,)
    slope: float = 1.0  # HU per stored step; used without windows only
    intercept: float = -1024.0  # HU of the stored value 0; used without windows only

    def __post_init__(self) -> None:
        if len(self.windows) > MAX_WINDOWS:
            raise TrainError(f"A picture holds at most {MAX_WINDOWS} windows, not {len(self.windows)}.")
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope > 0):
            raise TrainError("The slope of an intensity must be positive and finite, its intercept finite.")

    @classmethod
    def hu16(cls) -> Intensity:
        """The 16-bit model without a window: stored value = HU + 1024."""
        return cls(windows=())

    @classmethod
    def from_json(cls, described: dict) -> Intensity:
        """The model that `intensity` in `dataset.json` describes. Raises `TrainError` if it is invalid.

        >>> Intensity.from_json({"kind": "window", "center_hu": 60, "width_hu": 200, "bits": 8}).windows
        (Window(center_hu=60, width_hu=200),)
        """
        try:
            kind, bits = described["kind"], described.get("bits", 8)
            if kind == "window" and bits == 8:
                return cls((_window(described),))
            if kind == "windows" and bits == 8 and described["windows"]:
                return cls(tuple(_window(one) for one in described["windows"]))
            if kind == "linear" and bits == 16:
                return cls((), float(described["slope"]), float(described["intercept"]))
        except (AttributeError, KeyError, TypeError, ValueError, LiversegError) as error:
            raise TrainError(f"The dataset's intensity is incomplete or out of range: {error}.") from error
        raise TrainError(f"The dataset's intensity is of an unknown kind: {kind!r} with {bits} bits.")

    def to_json(self) -> dict:
        """The model as JSON values that `from_json` reads."""
        if not self.windows:
            return {"kind": "linear", "slope": self.slope, "intercept": self.intercept, "bits": 16}
        listed = [{"center_hu": w.center_hu, "width_hu": w.width_hu} for w in self.windows]
        if len(listed) == 1:
            return {"kind": "window", **listed[0], "bits": 8}
        return {"kind": "windows", "windows": listed, "bits": 8}

    @property
    def bits(self) -> int:
        """Bits per channel: 8 with windows, 16 without."""
        return 8 if self.windows else 16

    @property
    def channels(self) -> int:
        """Channels of a stored picture: one for each window, or 1 without windows."""
        return max(len(self.windows), 1)

    @property
    def window(self) -> Window:
        """One window from the lowest to the highest HU that any window shows.

        Without windows it covers the 12-bit range of stored values.

        >>> Intensity((Window(60, 200), Window(400, 1800))).window
        Window(center_hu=400.0, width_hu=1800.0)
        """
        if len(self.windows) == 1:
            return self.windows[0]
        if self.windows:
            low, high = min(w.low_hu for w in self.windows), max(w.high_hu for w in self.windows)
        else:
            low, high = self.intercept, self.intercept + self.slope * _LINEAR_RANGE
        return Window((low + high) / 2, high - low)

    def from_hu(self, hu: np.ndarray) -> np.ndarray:
        """Stored values of HU of any shape: uint8 with windows, uint16 without.

        Several windows add a last axis. Values are rounded to the nearest integer, halves up, as in
        `liverseg.core.window.to_grey`, but in float64.
        """
        hu = np.asarray(hu, np.float64)
        if not self.windows:
            stored = np.floor((hu - self.intercept) / self.slope + 0.5)
            return np.clip(stored, 0, 65535).astype(np.uint16)
        greys = [
            (np.clip((hu - w.low_hu) / w.width_hu, 0, 1) * 255 + 0.5).astype(np.uint8) for w in self.windows
        ]
        return greys[0] if len(greys) == 1 else np.stack(greys, axis=-1)

    def to_hu(self, stored: np.ndarray) -> np.ndarray:
        """float32 HU of stored values, of the same shape; several windows drop the last axis.

        A value that a single window saturated becomes the end of that window. Where each of several
        windows is saturated, the HU is the nearest end, or the middle of the gap between two windows.
        """
        if not self.windows:
            return np.asarray(stored, np.float32) * np.float32(self.slope) + np.float32(self.intercept)
        tables = [from_unit(np.arange(256, dtype=np.float32) / 255, w) for w in self.windows]
        if len(tables) == 1:
            return tables[0][stored]
        channels = [stored[..., c] for c in range(len(self.windows))]
        hu = _saturated_hu(channels, self.windows)
        for c in sorted(range(len(self.windows)), key=lambda c: -self.windows[c].width_hu):
            unsaturated = (channels[c] > 0) & (channels[c] < 255)
            hu[unsaturated] = tables[c][channels[c][unsaturated]]
        return hu


def _saturated_hu(channels: Sequence[np.ndarray], windows: Sequence[Window]) -> np.ndarray:
    """float32 HU of pixels where every window is saturated; meaningless at other pixels.

    The pixel lies above all windows, below all, or between two of them.

    >>> narrow, low = Window(60, 200), Window(-600, 1000)
    >>> _saturated_hu([np.uint8([0, 255, 0]), np.uint8([0, 255, 255])], [narrow, low]).tolist()
    [-1100.0, 160.0, -70.0]
    """
    at_least = np.full(channels[0].shape, -np.inf, np.float32)
    at_most = np.full(channels[0].shape, np.inf, np.float32)
    for channel, window in zip(channels, windows, strict=True):
        at_least[channel == 255] = np.maximum(at_least[channel == 255], np.float32(window.high_hu))
        at_most[channel == 0] = np.minimum(at_most[channel == 0], np.float32(window.low_hu))
    floor, ceiling = np.isfinite(at_least), np.isfinite(at_most)
    low = np.where(floor, at_least, np.where(ceiling, at_most, 0))
    high = np.where(ceiling, at_most, np.where(floor, at_least, 0))
    return ((low + high) / 2).astype(np.float32)


def _window(described: dict) -> Window:
    return Window(described["center_hu"], described["width_hu"])
