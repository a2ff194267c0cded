"""Parallel conversion of scans in worker processes, which end when their parent process ends."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from liverseg.errors import LiversegError
from train.data.prepare.conversion import convert_scan
from train.data.prepare.records import RecordStore, ScanRecord
from train.data.prepare.scans import ScanSource
from train.data.prepare.settings import ConversionSettings
from train.errors import TrainError

THREADED_SCANS_PER_WORKER = 2
"""Up to this many scans per worker, threads are used: starting a process takes longer than a scan."""

_logger = logging.getLogger(__name__)


def default_jobs() -> int:
    """The number of processors available to this process, at most 16: each job holds a volume in memory."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 16)


def convert_all(
    sources: Sequence[ScanSource], out: Path, conversion: ConversionSettings, jobs: int, done: int = 0
) -> Iterator[tuple[ScanSource, ScanRecord | str]]:
    """Convert all scans; yields each, in order of completion, with its record or the reason it is left out.

    `jobs` workers run at once: threads for few scans (see `THREADED_SCANS_PER_WORKER`), else processes.
    With fewer scans than jobs, each worker writes its slices with several threads. The progress display
    starts at `done` finished scans. Raises `TrainError` if a worker process is killed.
    """
    processes = max(1, min(jobs, len(sources)))
    threads = max(1, jobs // processes)
    with (
        logging_redirect_tqdm(),
        tqdm(total=len(sources) + done, initial=done, unit="scan", disable=not sys.stderr.isatty()) as bar,
    ):
        for source, result in _results(sources, out, conversion, processes, threads):
            bar.update()
            if bar.disable and isinstance(result, ScanRecord):
                done += 1
                _logger.info("scan %s: %d slices (%d done)", source.scan, len(result.rows), done)
            yield source, result


def _results(
    sources: Sequence[ScanSource], out: Path, conversion: ConversionSettings, processes: int, threads: int
) -> Iterator[tuple[ScanSource, ScanRecord | str]]:
    """The results of `convert_all`, without progress display."""
    if processes == 1:
        for source in sources:
            yield source, _convert_and_record(source, out, conversion, threads)
        return
    pool: Executor
    if len(sources) <= THREADED_SCANS_PER_WORKER * processes:
        pool = ThreadPoolExecutor(processes)
    else:
        # Spawned, not forked: a fork of a process with threads (torch, OpenCV) can deadlock.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_initialise_worker)
    try:
        waiting: dict[Future, ScanSource] = {
            pool.submit(_convert_and_record, source, out, conversion, threads): source for source in sources
        }
        for future in as_completed(waiting):
            yield waiting.pop(future), future.result()
    except BrokenProcessPool as error:
        raise TrainError(
            "A worker process was killed, possibly for lack of memory; run the command again with fewer "
            "--jobs. Finished scans are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _initialise_worker() -> None:
    cv2.setNumThreads(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends; a worker of a killed parent would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _convert_and_record(
    source: ScanSource, out: Path, conversion: ConversionSettings, threads: int
) -> ScanRecord | str:
    """Convert one scan and save its record; the result is the record or the reason it is left out."""
    try:
        record = convert_scan(source, out, conversion, threads)
    except LiversegError as error:
        return f"Scan {source.scan} is left out: {error}"
    except MemoryError:
        return f"Scan {source.scan} is left out: not enough memory; try fewer --jobs."
    RecordStore(out).save(source, record)
    return record
