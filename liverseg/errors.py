"""All exceptions of liverseg.

The message of each exception is one sentence for the user. It names the cause and, where possible, the
remedy. The command line prints it and exits with 1; the app shows it on the page. Messages never contain
patient data or the name of an uploaded file.
"""

from typing import Any


class LiversegError(Exception):
    """Base class: bad input, an unknown checkpoint, a missing engine."""


class UnreadableInput(LiversegError):
    """The input is empty, truncated, damaged, or in a format that liverseg does not read."""


class SeriesChoice(UnreadableInput):
    """The input holds several CT series and the caller chose none.

    `series` lists them as `liverseg.io.dicom.series_info.SeriesInfo`. Pass the `number` of one to `read`.
    """

    def __init__(self, message: str, series: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.series = series


class NotCT(LiversegError):
    """The input is readable but is not an axial CT slice or volume (for example MR or a photograph)."""


class InputTooLarge(LiversegError):
    """The input exceeds a limit of `liverseg.core.limits`. It is refused before it is decoded."""


class InputTooSmall(LiversegError):
    """A side of the input has fewer pixels than `liverseg.core.limits.MIN_SIDE_PX`."""


class InvalidSetting(LiversegError):
    """An argument is out of range, for example a window width of 0 or a slice that does not exist."""


class CheckpointRefused(LiversegError):
    """A checkpoint is unknown, damaged, altered, or does not fit the input."""


class EngineUnavailable(LiversegError):
    """The requested engine is not installed or cannot run on this machine."""


class Cancelled(LiversegError):
    """The caller stopped the run. No part of its result is kept."""

    def __init__(self, text: str = "The segmentation was cancelled.") -> None:
        super().__init__(text)
