"""The ways to process several scans that `benchmarks.cohort` compares. Each returns time and memory."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.steps import peak_bytes
from benchmarks.volume import write_scan

STEP_KEYS = ("fetch_s", "read_s", "network_s", "measure_s", "write_s")
"""The times of a scan in a cohort's tables."""
ROWS_COPIED = 200
"""Rows per scan when the time of a table row is measured, so that one-time costs do not count."""


def write_scans(folder: Path, count: int, slices: int, made: int, side: int) -> None:
    """Write `count` different packed NIfTI volumes into `folder/scans`, and a small one for warming up."""
    (folder / "scans").mkdir()
    for k in range(count):
        write_scan(folder / "scans" / f"{k}.nii.gz", slices, made, side, 11 + k, 0.3)
    write_scan(folder / "warm.nii.gz", 6, 2, 128, 3, 0.0)


def processor_s(pid: int) -> float:
    """The processor time of a process with all its threads, which does not depend on other processes."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_commands(paths: list[Path], warm: Path, out: Path, checkpoint: str | None) -> dict[str, Any]:
    """Run `python -m liverseg segment` on one scan after the other, with all threads."""
    options = ["--formats", "json", *(["--checkpoint", checkpoint] if checkpoint else [])]

    def segment(path: Path) -> None:
        command = [sys.executable, "-m", "liverseg", "segment", str(path), "--out", str(out / path.name)]
        subprocess.run([*command, *options], check=True, capture_output=True)

    segment(warm)
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for path in paths:
        segment(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "s": (time.perf_counter() - started) / len(paths),
        "processor_s": spent / len(paths),
        "peak_bytes": after.ru_maxrss * 1024,  # Linux reports kB
    }


def run_script(paths: list[Path], warm: Path, out: Path, checkpoint: str | None) -> dict[str, Any]:
    """Load the network once; read, segment, measure and write one scan after the other, with all threads."""
    import cv2

    import liverseg
    from liverseg.cohort.worker import PICTURE_WIDTH
    from liverseg.rendering.slice_view import overview

    segmenter = liverseg.Segmenter.load(checkpoint)

    def process(path: Path) -> None:
        ct = liverseg.read(path)
        seg = segmenter.segment(ct)
        folder = out / path.name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(liverseg.measure(ct, seg).to_json(), encoding="utf-8")
        picture = overview(ct, seg)
        size = (PICTURE_WIDTH, round(picture.shape[0] * PICTURE_WIDTH / picture.shape[1]))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "overview.jpg"), small[..., ::-1])

    process(warm)
    started, spent = time.perf_counter(), processor_s(os.getpid())
    for path in paths:
        process(path)
    return {
        "s": (time.perf_counter() - started) / len(paths),
        "processor_s": (processor_s(os.getpid()) - spent) / len(paths),
        "peak_bytes": peak_bytes(os.getpid()),
    }


def run_workers(
    paths: list[Path], warm: Path, out: Path, checkpoint: str | None, workers: int, threads: int
) -> dict[str, Any]:
    """Process the scans as a cohort on Ray, with `workers` workers of `threads` threads."""
    from dataclasses import replace

    from liverseg.cohort.discover import find_scans
    from liverseg.cohort.ray_cluster import connect_to_ray
    from liverseg.cohort.result_store import Store
    from liverseg.cohort.run import collect_results, load_model
    from liverseg.cohort.scheduling import Queue
    from liverseg.cohort.tables import write_tables
    from liverseg.cohort.worker_plan import WorkerPlan
    from liverseg.cohort.worker_pool import WorkerPool

    launched = time.perf_counter()
    model, settings = load_model(checkpoint)
    store = Store.create(out, settings.digest)
    with connect_to_ray(None, workers * threads):
        plan = WorkerPlan(workers, threads, 3_000_000_000)
        ray_workers = WorkerPool(plan, model, settings, str(out))
        pids = ray_workers.wait()
        start_s = time.perf_counter() - launched
        warm_up = find_scans(str(warm), b"1", out).scans
        first = replace(warm_up[0], id="0" * 20)
        ray_workers.process(Queue([first] * (2 * workers)), lambda record: None, raise_lost_scan)
        discovery = find_scans(str(paths[0].parent), b"1", out)
        records: list[dict[str, Any]] = []
        started, before = time.perf_counter(), sum(map(processor_s, pids))
        ray_workers.process(Queue(discovery.scans), records.append, raise_lost_scan)
        seconds = time.perf_counter() - started
        spent = sum(map(processor_s, pids)) - before
        peaks = [peak_bytes(pid) for pid in pids]
        assert len(records) == len(paths) and all(record["state"] == "done" for record in records)
        rows = [store.row(record["key"]) for record in records]
        steps = {name: statistics.mean(row["scan"][name] for row in rows if row) for name in STEP_KEYS}
        keys, failures = collect_results(store, discovery)
        write_tables(store, keys, failures)  # not timed: imports and one-time work
        ends = [time.perf_counter()]
        for copies in (1, ROWS_COPIED):
            write_tables(store, keys * copies, failures)
            ends.append(time.perf_counter())
        once, many = (end - start for start, end in zip(ends[:-1], ends[1:], strict=True))
        tell_s = (many - once) / ((ROWS_COPIED - 1) * len(keys))
    return {
        "s": seconds / len(paths),
        "processor_s": spent / len(paths),
        "peak_bytes": max(peaks),
        "start_s": start_s,
        "steps": steps,
        "tell_s": tell_s,
    }


def raise_lost_scan(task: object) -> None:
    """The callback for a scan whose worker was killed."""
    raise RuntimeError("a scan killed its worker")
