"""A damaged checkpoint costs itself alone: where no version is asked for, the next one is used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from liverseg.errors import CheckpointRefused
from registry import Checkpoint, CheckpointDamaged, Registries

Used = TypeVar("Used")

_log = logging.getLogger(__name__)


def use_undamaged(
    ref: str | None,
    registries: Registries,
    find: Callable[[str | None], Checkpoint],
    use: Callable[[Checkpoint], Used],
) -> Used:
    """The result of `use` for the checkpoint that `find` gives for `ref`.

    A checkpoint that `use` refuses because its files are damaged is logged and set aside in `registries`, so
    that `find` gives the next one. That one is used unless `ref` names a version.

    Raises:
        CheckpointRefused: every candidate is damaged (the first one's reason), or another refusal.
    """
    first_refusal: CheckpointRefused | None = None
    while True:
        try:
            checkpoint = find(ref)
        except CheckpointRefused as error:
            if first_refusal is None:
                raise
            raise first_refusal from error
        try:
            return use(checkpoint)
        except CheckpointRefused as error:
            if not isinstance(error.__cause__, CheckpointDamaged):
                raise
            registries.set_aside(checkpoint, str(error))
            _log.warning("checkpoint %s is damaged and not used: %s", checkpoint.ref, error)
            if "@" in (ref or ""):
                raise
            first_refusal = first_refusal or error
