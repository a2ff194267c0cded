"""Many scans at once, in processes that end with the one that started them."""

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
from train.data.prepare.conversion import convert
from train.data.prepare.records import Records, ScanRecord
from train.data.prepare.scans import ScanSource
from train.data.prepare.settings import Conversion
from train.errors import TrainError

FEW = 2
"""Up to so many scans a worker, threads do them: a process takes longer to start than a scan to convert."""

log = logging.getLogger("train.data.prepare")


def default_jobs() -> int:
    """As many as there are processors for this process, up to 16: each holds a volume in memory."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 16)


def convert_all(
    sources: Sequence[ScanSource], out: Path, conversion: Conversion, jobs: int, done: int = 0
) -> Iterator[tuple[ScanSource, ScanRecord | str]]:
    """Each scan with its record or the sentence that says why it is left out, as they come.

    `jobs` are processes, or threads for a `FEW` scans; where there are fewer scans than that, the others
    write slices as threads.
    `done` scans more are counted in what is shown of the progress.
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
                log.info("scan %s: %d slices (%d done)", source.scan, len(result.rows), done)
            yield source, result


def _results(
    sources: Sequence[ScanSource], out: Path, conversion: Conversion, processes: int, threads: int
) -> Iterator[tuple[ScanSource, ScanRecord | str]]:
    if processes == 1:
        for source in sources:
            yield source, _work(source, out, conversion, threads)
        return
    pool: Executor
    if len(sources) <= FEW * processes:
        pool = ThreadPoolExecutor(processes)
    else:
        # Spawned, not forked: a fork of a process with threads (torch, OpenCV) may wait for ever.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)
    try:
        waiting: dict[Future, ScanSource] = {
            pool.submit(_work, source, out, conversion, threads): source for source in sources
        }
        for future in as_completed(waiting):
            yield waiting.pop(future), future.result()
    except BrokenProcessPool as error:
        raise TrainError(
            "A worker was ended from outside, as for want of memory; run the command again with fewer "
            "--jobs, what is done is kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    cv2.setNumThreads(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(source: ScanSource, out: Path, conversion: Conversion, threads: int) -> ScanRecord | str:
    try:
        record = convert(source, out, conversion, threads)
    except LiversegError as error:
        return f"Scan {source.scan} is left out: {error}"
    except MemoryError:
        return f"Scan {source.scan} is left out: there is not enough memory for it; try fewer --jobs."
    Records(out).save(source, record)
    return record
