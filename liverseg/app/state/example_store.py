"""Examples that were read and their results, in memory and on disk, shared by all visitors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from liverseg.analysis.measure import measure
from liverseg.app.state.example_case import ExampleCase
from liverseg.app.state.example_list import Example
from liverseg.app.state.prepared_results import PreparedResults
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.threshold_curve import ThresholdCurve
from liverseg.app.state.thumbnail import thumbnail
from liverseg.core.segmentation import Segmentation
from liverseg.errors import UnreadableInput
from registry import Checkpoint

MOST_BYTES = 512 * 2**20
"""Limit of the images and results in memory; the ones used longest ago are read from the disk again."""


class ExampleStore:
    """The cases and the results of a list of examples. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.list: tuple[Example, ...] = ()
        self.results = PreparedResults(folder / "results")
        self._lock = threading.RLock()
        self._reading: dict[str, threading.Lock] = {}
        self._cases: OrderedDict[str, ExampleCase] = OrderedDict()
        self._known: OrderedDict[tuple[str, str, str], PageAnalysis] = OrderedDict()
        self.thumbnails: dict[str, bytes] = {}  # JPEG of the first result of each example, by key

    def find(self, key: str) -> Example | None:
        """The example with a key; None for one that is not offered."""
        return next((example for example in self.list if example.key == key), None)

    def case(self, key: str) -> ExampleCase:
        """An example's image and truth, read on first use. Raises `LiversegError`."""
        example = self.find(key)
        if example is None:
            raise UnreadableInput("This example is not offered any more; choose another one.")
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            with self._lock:
                if key in self._cases:
                    self._cases.move_to_end(key)
                    return self._cases[key]
            case = ExampleCase.read(example)
            with self._lock:
                self._cases[key] = case
                self._forget_unused()
            return case

    def case_of(self, sources: Sequence[str]) -> ExampleCase | None:
        """The case in memory whose files are `sources`; None for other files."""
        with self._lock:
            return next((case for case in self._cases.values() if case.files.sources == tuple(sources)), None)

    def result(self, key: str, checkpoint: Checkpoint) -> PageAnalysis | None:
        """The prepared result of a checkpoint, from memory or from the disk; None where there is none.

        An example that was never prepared since the start is not read here, as that may take a minute.
        Raises the errors of `case`.
        """
        known = self.in_memory(key, checkpoint)
        if known is not None or key not in self.thumbnails:
            return known
        return self.result_of(self.case(key), checkpoint)

    def in_memory(self, key: str, checkpoint: Checkpoint) -> PageAnalysis | None:
        """The prepared result of a checkpoint if it is in memory; this takes no time."""
        with self._lock:
            name = (key, checkpoint.ref, checkpoint.sha256)
            if name in self._known:
                self._known.move_to_end(name)
            return self._known.get(name)

    def result_of(self, case: ExampleCase, checkpoint: Checkpoint) -> PageAnalysis | None:
        """The prepared result of a checkpoint on a case."""
        known = self.in_memory(case.about.key, checkpoint)
        if known is not None and known.ct is case.ct:
            return known
        seg = self.results.load(case.digest, checkpoint, case.ct)
        return None if seg is None else self._remember(case, checkpoint, seg)

    def keep(self, analysis: PageAnalysis, checkpoint: Checkpoint) -> None:
        """Keep the result of a network run on an example at the checkpoint's own settings."""
        case = analysis.example
        if case is None or analysis.ct is not case.ct or analysis.seg.checkpoint.sha256 != checkpoint.sha256:
            return
        if self.in_memory(case.about.key, checkpoint) is not None:
            return
        self._remember(case, checkpoint, analysis.seg)
        save = threading.Thread(target=self.results.save, args=(case.digest, checkpoint, analysis.seg))
        save.start()

    def _remember(self, case: ExampleCase, checkpoint: Checkpoint, seg: Segmentation) -> PageAnalysis:
        analysis = PageAnalysis(
            case.ct,
            seg,
            measure(case.ct, seg),
            sources=case.files.sources,
            own_threshold=checkpoint.manifest.tumour_threshold,
            curve=ThresholdCurve.of(checkpoint.manifest),
            series=case.about.series,
            example=case,
        )
        if case.about.key not in self.thumbnails:
            self.thumbnails[case.about.key] = thumbnail(analysis)
        with self._lock:
            self._known[(case.about.key, checkpoint.ref, checkpoint.sha256)] = analysis
            self._forget_unused()
        return analysis

    def _forget_unused(self) -> None:
        """Drop the images and results used longest ago beyond `MOST_BYTES`; one of each always stays."""

        def size() -> int:
            images = sum(case.ct.hu.nbytes for case in self._cases.values())
            results = sum(known.ct.hu.size * 5 for known in self._known.values())
            return images + results

        while size() > MOST_BYTES and len(self._known) > 1:
            self._known.popitem(last=False)
        while size() > MOST_BYTES and len(self._cases) > 1:
            self._cases.popitem(last=False)
