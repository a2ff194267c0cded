"""What a cohort adds to the processing of a scan: Ray, the driver, and the discovery of scans."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from benchmarks.cohort_ways import raise_lost_scan


class IdleWorker:
    """A stand-in for a cohort's worker that does nothing."""

    def __init__(self, *arguments: object) -> None:
        pass

    def ready(self) -> int:
        return os.getpid()

    def run(self, scan: object, attempt: int = 1) -> dict[str, Any]:
        return {"id": "", "state": "done", "key": "0" * 24, "input_sha256": "0" * 64}


def run_empty(workers: int, calls: int) -> dict[str, float]:
    """The overhead of Ray and the driver per scan: elapsed seconds, and processor seconds of the driver."""
    from liverseg.cohort import worker_pool
    from liverseg.cohort.ray_cluster import connect_to_ray
    from liverseg.cohort.remote_files import File
    from liverseg.cohort.scan import Scan
    from liverseg.cohort.scheduling import Queue
    from liverseg.cohort.worker_plan import WorkerPlan

    worker_pool.Worker = IdleWorker  # type: ignore[misc,assignment]
    with connect_to_ray(None, workers):
        ray_workers = worker_pool.WorkerPool(WorkerPlan(workers, 1, 10**9), None)  # type: ignore[arg-type]
        ray_workers.wait()
        scans = [Scan(str(k), (File(f"/data/scan-{k}.nii.gz", 1, "1:1"),)) for k in range(calls)]
        ray_workers.process(Queue(scans[:50]), lambda record: None, raise_lost_scan)
        started, spent = time.perf_counter(), time.process_time()
        ray_workers.process(Queue(scans), lambda record: None, raise_lost_scan)
        return {
            "s": (time.perf_counter() - started) / calls,
            "driver_s": (time.process_time() - spent) / calls,
        }


def run_discovery(folder: Path, files: int = 400) -> dict[str, float]:
    """Seconds per scan to find it among files, and to check whether it is done already."""
    from liverseg.cohort.discover import find_scans
    from liverseg.cohort.result_store import Store
    from liverseg.cohort.run import is_settled

    source = folder / "many"
    source.mkdir()
    head = next((folder / "scans").iterdir()).read_bytes()[:4096]
    for k in range(files):
        (source / f"{k}.nii.gz").write_bytes(head)
    store = Store.create(folder / "found", "0")
    started = time.perf_counter()
    discovery = find_scans(str(source), store.salt(), store.folder)
    seconds = time.perf_counter() - started
    for scan in discovery.scans:
        store.put_record({"id": scan.id, "stamp": scan.stamp, "state": "failed", "kind": "refused"})
    started = time.perf_counter()
    assert all(is_settled(store, scan) for scan in discovery.scans)
    return {"find_s": seconds / files, "look_s": (time.perf_counter() - started) / files}
