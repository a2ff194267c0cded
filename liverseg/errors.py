"""Every refusal of liverseg, as one exception tree.

The text of each exception is one sentence that a person can act on: it names the
cause and, where there is one, the way out. The command line prints it and exits 1,
the app shows it on the page. Texts never repeat what a file says of a patient, nor
the name of an uploaded file.
"""

from typing import Any


class LiversegError(Exception):
    """Base of all refusals: bad input, an unknown checkpoint, a missing engine."""


class UnreadableInput(LiversegError):
    """The input is empty, truncated, damaged, or of no format that liverseg reads."""


class SeriesChoice(UnreadableInput):
    """The input holds several CT series, and none was named; `series` are those to choose from.

    Each is a `liverseg.io.dicom.series_info.SeriesInfo`, and its `number` is what `read` takes.
    """

    def __init__(self, message: str, series: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.series = series


class NotCT(LiversegError):
    """The input was read, but it is not an axial CT slice or volume (MR, a photograph, …)."""


class InputTooLarge(LiversegError):
    """The input is beyond the limits of `liverseg.core.limits`; it was refused before it was decoded."""


class InputTooSmall(LiversegError):
    """The input has fewer pixels a side than `liverseg.core.limits.MIN_SIDE_PX`."""


class InvalidSetting(LiversegError):
    """A value given by the caller is out of range: a window width of 0, a slice that is not there."""


class CheckpointRefused(LiversegError):
    """A checkpoint is unknown, damaged, tampered with, or does not fit the input."""


class EngineUnavailable(LiversegError):
    """The engine that was asked for is not installed or cannot run here."""


class Cancelled(LiversegError):
    """The caller asked for the work to stop; nothing of it is kept."""

    def __init__(self, text: str = "The segmentation was cancelled.") -> None:
        super().__init__(text)
