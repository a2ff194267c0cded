"""The examples of the page, and their results, prepared once and kept on disk and in memory.

`LIVERSEG_EXAMPLES` names a folder or `hf://datasets/owner/name` with other examples than the built-in ones,
or `none`. Visitors share the cases and their results, which nobody changes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from liverseg.app.state import zerogpu
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.example_list import Example, ExampleList, read_folder
from liverseg.app.state.example_store import ExampleStore
from liverseg.app.state.hub_examples import PREFIX, read_dataset
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.phantom_examples import built_in
from liverseg.app.state.session import PageAnalysis
from liverseg.errors import Cancelled, LiversegError
from liverseg.inference.segmenter import Segmenter
from liverseg.pipeline import Run, analyse_image
from registry import Checkpoint
from registry.hub.cache import cache_folder

VARIABLE = "LIVERSEG_EXAMPLES"
NO_EXAMPLES = "none"

PAUSE_S = 0.1
"""Time between two looks at whether a visitor's run is over."""

LOW_PRIORITY = 10
"""Niceness of the thread that prepares."""

_log = logging.getLogger(__name__)


def read_examples(source: str, folder: Path) -> ExampleList:
    """The examples that `LIVERSEG_EXAMPLES` names; the built-in ones where it is empty.

    `folder` keeps what is generated. Raises `UnreadableInput` where the list cannot be used.
    """
    if not source:
        return built_in(folder)
    if source.lower() == NO_EXAMPLES:
        return ExampleList(())
    return read_dataset(source) if source.startswith(PREFIX) else read_folder(Path(source).expanduser())


def folder_for_examples(otherwise: Path) -> Path:
    """The folder `examples` of liverseg's cache if it can be written to, else `otherwise`."""
    wanted = cache_folder() / "examples"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return otherwise
    return wanted if os.access(wanted, os.W_OK | os.X_OK) else otherwise


class Examples(ExampleStore):
    """The examples, and the thread that prepares their results."""

    def __init__(self, folder: Path, source: str = "") -> None:
        """`source` is the value of `LIVERSEG_EXAMPLES`, which `open` reads; `folder` keeps what is made."""
        super().__init__(folder)
        self._folder, self._source = folder, source.strip()
        self._refused: set[tuple[str, str]] = set()  # example and ref
        self.problems: list[str] = []
        self.preparing = False
        if not self._source:
            self.list = built_in(folder).examples

    def open(self) -> None:
        """Read the list that `LIVERSEG_EXAMPLES` names; the built-in one replaces an unusable one."""
        try:
            found = read_examples(self._source, self._folder)
        except LiversegError as error:
            self._add_problem(f"{error} The built-in examples are shown instead.")
            found = built_in(self._folder)
        for problem in found.problems:
            self._add_problem(problem)
        if found.problems and not found.examples:
            found = built_in(self._folder)
        self.list = found.examples

    def _add_problem(self, sentence: str) -> None:
        self.problems.append(sentence)
        _log.warning("%s", sentence)

    def first(self, checkpoint: Checkpoint) -> Example | None:
        """The example that the page opens with: the first that was not refused."""
        return next((one for one in self.list if (one.key, checkpoint.ref) not in self._refused), None)

    def prepare(
        self, key: str, checkpoint: Checkpoint, load: Callable[[], Segmenter], run: Run | None = None
    ) -> PageAnalysis:
        """The result of a checkpoint on an example, computed where it is not on the disk.

        Raises a `LiversegError` for an example that cannot be read or segmented.
        """
        case = self.case(key)
        known = self.result_of(case, checkpoint)
        if known is not None:
            return known
        segmenter, started = load(), time.perf_counter()
        made = analyse_image(case.ct, segmenter, run=run or Run())
        seconds = time.perf_counter() - started
        _log.info("example prepared: %s, %d slice(s), %.2f s", checkpoint.ref, len(case.ct.hu), seconds)
        self.results.save(case.digest, checkpoint, made.seg)
        return self._remember(case, checkpoint, made.seg)

    def prepare_in_background(
        self, checkpoints: Checkpoints, is_busy: Callable[[], bool] = lambda: False
    ) -> threading.Thread:
        """Prepare every example with the default checkpoint in a thread that waits while `is_busy`."""
        self.preparing = True
        thread = threading.Thread(
            target=self._prepare_all, args=(checkpoints, is_busy), name="examples", daemon=True
        )
        thread.start()
        return thread

    def _prepare_all(self, checkpoints: Checkpoints, is_busy: Callable[[], bool]) -> None:
        with suppress(OSError, AttributeError):  # only Linux has a niceness for each thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
        try:
            self.open()
            checkpoint = checkpoints.find(None)

            def load() -> Segmenter:
                if zerogpu.is_here():  # a GPU is lent to visitors only
                    return Segmenter.from_checkpoint(checkpoint, engine="openvino")
                return checkpoints.segmenter(checkpoint.ref)

            for example in self.list:
                self._prepare_one(example, checkpoint, load, is_busy)
        except Exception as error:  # the page goes on without prepared results
            _log.warning("no example was prepared: %s", sentence_for(error))
        finally:
            self.preparing = False

    def _prepare_one(
        self,
        example: Example,
        checkpoint: Checkpoint,
        load: Callable[[], Segmenter],
        is_busy: Callable[[], bool],
    ) -> None:
        def give_way(done: int, count: int) -> None:
            while is_busy():
                time.sleep(PAUSE_S)
                if self.in_memory(example.key, checkpoint) is not None:  # a visitor's run has made it
                    raise Cancelled()

        try:
            give_way(0, 0)
            self.prepare(example.key, checkpoint, load, Run(give_way))
        except Cancelled:
            return
        except Exception as error:
            self._refused.add((example.key, checkpoint.ref))
            self._add_problem(f'The example "{example.title}" is left out: {sentence_for(error)}')
            if not isinstance(error, LiversegError) or example.key not in self._cases:
                self.list = tuple(one for one in self.list if one is not example)
