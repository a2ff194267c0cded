"""The error that every training command reports as one sentence before it exits with status 1."""

from __future__ import annotations

from liverseg.errors import LiversegError


class TrainError(LiversegError):
    """A dataset, a setting, a run folder or a weights file that cannot be used."""
