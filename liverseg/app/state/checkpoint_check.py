"""Whether the files of a checkpoint are whole, asked before it is offered or loaded."""

from __future__ import annotations

import logging
import re

from liverseg.errors import CheckpointRefused, LiversegError
from liverseg.inference.fallback import use_undamaged
from liverseg.inference.segmenter import find_checkpoint
from registry import Checkpoint, Registries, RegistryError
from registry.registries import FileState

_log = logging.getLogger(__name__)


class CheckpointCheck:
    """Checks the default checkpoint of `registries`, once for each state of its files."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries
        self._whole: set[FileState] = set()

    def default(self) -> tuple[Checkpoint, bytes]:
        """The default checkpoint and its `model.pt`, after damaged ones were set aside.

        Raises `CheckpointRefused` where there is none.
        """
        return use_undamaged(None, self._registries, self._find, self._read)

    def recheck_default(self) -> None:
        """Set damaged checkpoints of folders aside, unless the default one was found whole before.

        One on the Hub is checked when it is loaded. Where there is none, the reason is logged.
        """
        try:
            first = self._find(None)
            if first.source is None and FileState.of(first) not in self._whole:
                self.default()
        except LiversegError as error:  # the page says so too when it lists the checkpoints
            _log.warning("%s", error)

    def notices(self) -> list[str]:
        """Why a registry, or another version of the default checkpoint, is not there as it should be."""
        problems = self._registries.problems
        try:
            default = self._find(None)
        except LiversegError:
            return [str(problem) for problem in problems if not problem.where]
        own_name = re.compile(re.escape(default.manifest.name) + "(?![a-z0-9._-])")
        return [
            f"{problem} {default.ref} is used instead." if problem.where else str(problem)
            for problem in problems
            if not problem.where or own_name.match(problem.where)
        ]

    def _find(self, ref: str | None) -> Checkpoint:
        return find_checkpoint(ref, self._registries)

    def _read(self, checkpoint: Checkpoint) -> tuple[Checkpoint, bytes]:
        try:
            archive = checkpoint.read_model()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        self._whole.add(FileState.of(checkpoint))
        return checkpoint, archive
