"""Refusals of the training commands: one sentence each, exit code 1."""

from __future__ import annotations

from liverseg.errors import LiversegError


class TrainError(LiversegError):
    """A dataset, a setting or a run folder that cannot be used as asked."""
