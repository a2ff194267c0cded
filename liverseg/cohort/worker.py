"""A worker process: it loads the network once and processes scans with it.

A worker runs several calls of `run` at once, in threads: while one scan is in the network, the next one is
fetched and read, and the one before is measured and written. A scan is read only when its memory is free.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from liverseg.cohort.memory import Admission, TooMuchMemory, check_memory, header_shape
from liverseg.cohort.remote_files import Unavailable, fetched
from liverseg.cohort.result_store import NotStored, Store
from liverseg.cohort.scan import CRASHED, MEMORY, REFUSED, UNAVAILABLE, CohortSettings, Scan
from liverseg.cohort.tables import lesion_rows, scan_row
from liverseg.errors import LiversegError
from registry import Checkpoint

if TYPE_CHECKING:
    from liverseg.pipeline import Analysis

PICTURE_WIDTH = 1080  # of overview.jpg, in pixels
PICTURE_QUALITY = 82  # of JPEG, from 0 to 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A checkpoint that the driver has verified, in the form in which it is sent to the workers."""

    checkpoint: Checkpoint
    archive: bytes  # the content of model.pt


class Worker:
    """Processes scans; `threads` are those of the network, `budget_bytes` is the memory of the process."""

    def __init__(
        self, model: Model, settings: CohortSettings, out: str, threads: int, budget_bytes: int
    ) -> None:
        os.environ["LIVERSEG_THREADS"] = str(threads)
        cv2.setNumThreads(threads)
        # Imported after LIVERSEG_THREADS is set, which is read when the engine is loaded.
        from liverseg.inference.segmenter import Segmenter

        self._segmenter = Segmenter.from_checkpoint(
            model.checkpoint, engine=settings.engine, archive=model.archive
        )
        self._settings, self._budget = settings, budget_bytes
        self._store = Store(Path(out), settings.digest)
        self._admission = Admission(budget_bytes)
        self._reading, self._network = threading.Lock(), threading.Lock()

    def ready(self) -> int:
        """The process id. A call returns once the network is loaded."""
        return os.getpid()

    def run(self, scan: Scan, attempt: int = 1) -> dict[str, Any]:
        """Segments a scan that has no result yet; writes and returns its record.

        Every error becomes a record, except `NotStored`, which is raised and ends the run of the cohort.
        """
        record = {"id": scan.id, "stamp": scan.stamp, "attempts": attempt}
        try:
            record |= self._process_scan(scan)
        except NotStored:
            raise
        except Unavailable as error:
            record |= _failed(UNAVAILABLE, str(error))
        except TooMuchMemory as error:
            record |= _failed(MEMORY, str(error))
        except LiversegError as error:
            record |= _failed(REFUSED, str(error))
        except MemoryError:
            record |= _failed(MEMORY, "There was not enough memory for this scan.")
        except Exception as error:  # an error in the program must not end the run for the other scans
            _log.exception("a scan raised an unexpected error")
            record |= _failed(CRASHED, f"Something went wrong ({type(error).__name__}).")
        self._store.put_record(record)
        return record

    def _process_scan(self, scan: Scan) -> dict[str, Any]:
        from liverseg.pipeline import AnalysisSettings, Run, analyse_image, read_timed

        settings = AnalysisSettings(
            series=scan.series,
            threshold=self._settings.threshold,
            keep_all=self._settings.keep_all,
            lesion_cut=self._settings.lesion_cut,
        )
        times = {}
        started = time.perf_counter()
        with fetched(scan.files) as paths:
            lone = len(paths) == 1
            shape = scan.shape or header_shape(paths)
            if shape is not None:
                check_memory(shape, self._budget)
            times["fetch_s"] = time.perf_counter() - started
            with self._admitted(shape):
                with self._reading:
                    ct, times["read_s"] = read_timed(paths[0] if lone else paths, settings)
                assert ct.sha256 is not None
                key = self._settings.key(ct.sha256)
                done = {"state": "done", "key": key, "input_sha256": ct.sha256}
                if self._store.row(key) is not None:
                    return done
                if self._segmenter.lesion_rules(len(ct.hu)).model is None:  # of this kind of input
                    settings = replace(settings, lesion_cut=None)
                run = Run(network=self._network)
                found = analyse_image(ct, self._segmenter, settings, run, times["read_s"])
                times["network_s"] = found.seg.timing_s["network"]
                times["measure_s"] = found.measuring_s
                with self._store.staged(key) as stage:
                    self._write(stage, found, key, times)
        return done

    @contextmanager
    def _admitted(self, shape: tuple[int, int, int] | None) -> Iterator[None]:
        amount = self._admission.enter(shape)
        try:
            yield
        finally:
            self._admission.leave(amount)

    def _write(self, stage: Path, found: Analysis, key: str, times: dict[str, float]) -> None:
        from liverseg.core.window import DEFAULT_WINDOW
        from liverseg.io.formats import left_out_sentences
        from liverseg.io.write import write_results
        from liverseg.rendering.slice_view import overview

        started = time.perf_counter()
        ct, seg = found.ct, found.seg
        missing = left_out_sentences(ct, self._settings.formats)
        report = replace(found.report, warnings=(*found.report.warnings, *missing))
        if self._settings.formats:
            write_results(stage, ct, seg, report, self._settings.formats)
        else:
            (stage / "report.json").write_text(report.to_json(), encoding="utf-8")
        picture = overview(ct, seg, None, ct.assumed_window or DEFAULT_WINDOW)
        height = round(picture.shape[0] * PICTURE_WIDTH / picture.shape[1])
        small = cv2.resize(picture, (PICTURE_WIDTH, height), interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
        (stage / "overview.jpg").write_bytes(encoded.tobytes())
        times["write_s"] = time.perf_counter() - started
        row = {"scan": scan_row(key, report, times), "lesions": lesion_rows(key, report)}
        (stage / "row.json").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")


def _failed(kind: str, reason: str) -> dict[str, Any]:
    return {"state": "failed", "kind": kind, "reason": reason}
