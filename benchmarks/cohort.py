"""A cohort on Ray against plain loops over `segment`: the same scans, in turn, on this machine.

Measured are the seconds a scan (of workers and of the script once every network is loaded), the peak memory
of a worker, what Ray and the driver add to a scan, and what finding and telling one takes.
`benchmarks.cohort_simulation` goes on from there.

  python -m benchmarks.cohort --scans 4 --slices 119 --rounds 2 --out measured.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.steps import peak_bytes

WAYS = {"2 workers of 1 thread": (2, 1), "1 worker of 2 threads": (1, 2)}
LOOP = "the command, scan by scan"
SCRIPT = "a script, scan by scan"
STEPS = ("fetch_s", "read_s", "network_s", "measure_s", "write_s")
EMPTY_CALLS = 1000
ROWS_COPIED = 200  # a row costs what more of them take, not what the first takes


def processor_s(pid: int) -> float:
    """The processor time that a process has taken, of all its threads: a busy machine does not change it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_commands(paths: list[Path], warm: Path, out: Path, checkpoint: str | None) -> dict[str, Any]:
    """What a shell does: `python -m liverseg segment` on one scan after the other, with every thread."""
    options = ["--formats", "json", *(["--checkpoint", checkpoint] if checkpoint else [])]

    def one(path: Path) -> None:
        command = [sys.executable, "-m", "liverseg", "segment", str(path), "--out", str(out / path.name)]
        subprocess.run([*command, *options], check=True, capture_output=True)

    one(warm)
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for path in paths:
        one(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "s": (time.perf_counter() - started) / len(paths),
        "processor_s": spent / len(paths),
        "peak_bytes": after.ru_maxrss * 1024,  # as Linux counts it
    }


def run_script(paths: list[Path], warm: Path, out: Path, checkpoint: str | None) -> dict[str, Any]:
    """What a script does: read, segment, measure and write one scan after the other, with every thread."""
    import cv2

    import liverseg
    from liverseg.cohort.worker import PICTURE_WIDTH
    from liverseg.rendering.slice_view import overview

    segmenter = liverseg.Segmenter.load(checkpoint)

    def one(path: Path) -> None:
        ct = liverseg.read(path)
        seg = segmenter.segment(ct)
        folder = out / path.name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(liverseg.measure(ct, seg).to_json(), encoding="utf-8")
        picture = overview(ct, seg)
        size = (PICTURE_WIDTH, round(picture.shape[0] * PICTURE_WIDTH / picture.shape[1]))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "overview.jpg"), small[..., ::-1])

    one(warm)
    started, spent = time.perf_counter(), processor_s(os.getpid())
    for path in paths:
        one(path)
    return {
        "s": (time.perf_counter() - started) / len(paths),
        "processor_s": (processor_s(os.getpid()) - spent) / len(paths),
        "peak_bytes": peak_bytes(os.getpid()),
    }


def run_workers(
    paths: list[Path], warm: Path, out: Path, checkpoint: str | None, workers: int, threads: int
) -> dict[str, Any]:
    """The same by `workers` of `threads`."""
    from dataclasses import replace

    from liverseg.cohort.discover import find_scans
    from liverseg.cohort.ray_cluster import connect_to_ray
    from liverseg.cohort.result_store import Store
    from liverseg.cohort.run import collect_results, load_model
    from liverseg.cohort.scheduling import Queue
    from liverseg.cohort.tables import write_tables
    from liverseg.cohort.worker_plan import WorkerPlan
    from liverseg.cohort.worker_pool import WorkerPool

    begun = time.perf_counter()
    model, settings = load_model(checkpoint)
    store = Store.create(out, settings.digest)
    with connect_to_ray(None, workers * threads):
        plan = WorkerPlan(workers, threads, 3_000_000_000)
        made = WorkerPool(plan, model, settings, str(out))
        pids = made.wait()
        start_s = time.perf_counter() - begun
        warmed = find_scans(str(warm), b"1", out).scans
        first = replace(warmed[0], id="0" * 20)
        made.process(Queue([first] * (2 * workers)), lambda record: None, _raise)
        found = find_scans(str(paths[0].parent), b"1", out)
        records: list[dict[str, Any]] = []
        started, before = time.perf_counter(), sum(map(processor_s, pids))
        made.process(Queue(found.scans), records.append, _raise)
        seconds = time.perf_counter() - started
        spent = sum(map(processor_s, pids)) - before
        peaks = [peak_bytes(pid) for pid in pids]
        assert len(records) == len(paths) and all(record["state"] == "done" for record in records)
        rows = [store.row(record["key"]) for record in records]
        steps = {name: statistics.mean(row["scan"][name] for row in rows if row) for name in STEPS}
        keys, failures = collect_results(store, found)
        write_tables(store, keys, failures)  # what is imported and made once
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


class Empty:
    """A worker that does nothing."""

    def __init__(self, *arguments: object) -> None:
        pass

    def ready(self) -> int:
        return os.getpid()

    def run(self, scan: object, attempt: int = 1) -> dict[str, Any]:
        return {"id": "", "state": "done", "key": "0" * 24, "input_sha256": "0" * 64}


def run_empty(workers: int, calls: int) -> dict[str, float]:
    """What is left of a scan without the scan: seconds by the clock, and of the driver's processor."""
    from liverseg.cohort import worker_pool
    from liverseg.cohort.ray_cluster import connect_to_ray
    from liverseg.cohort.remote_files import File
    from liverseg.cohort.scan import Scan
    from liverseg.cohort.scheduling import Queue
    from liverseg.cohort.worker_plan import WorkerPlan

    worker_pool.Worker = Empty  # type: ignore[misc,assignment]
    with connect_to_ray(None, workers):
        made = worker_pool.WorkerPool(WorkerPlan(workers, 1, 10**9), None)  # type: ignore[arg-type]
        made.wait()
        scans = [Scan(str(k), (File(f"/data/scan-{k}.nii.gz", 1, "1:1"),)) for k in range(calls)]
        made.process(Queue(scans[:50]), lambda record: None, _raise)
        started, spent = time.perf_counter(), time.process_time()
        made.process(Queue(scans), lambda record: None, _raise)
        return {
            "s": (time.perf_counter() - started) / calls,
            "driver_s": (time.process_time() - spent) / calls,
        }


def run_finding(folder: Path, files: int = 400) -> dict[str, float]:
    """Seconds to find one scan among files, and to look whether it was done."""
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
    found = find_scans(str(source), store.salt(), store.folder)
    seconds = time.perf_counter() - started
    for scan in found.scans:
        store.put_record({"id": scan.id, "stamp": scan.stamp, "state": "failed", "kind": "refused"})
    started = time.perf_counter()
    assert all(is_settled(store, scan) for scan in found.scans)
    return {"find_s": seconds / files, "look_s": (time.perf_counter() - started) / files}


def _raise(task: object) -> None:
    raise RuntimeError("a scan killed its worker")


def _in_a_process(function: Any, *arguments: Any) -> Any:
    """The result of a function in a process of its own, as memory and threads are a process's."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # as the loop, which Ray's 15 would let pass
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def make_scans(folder: Path, count: int, slices: int, made: int, side: int) -> None:
    """`count` packed NIfTI volumes of different content in `folder/scans`, and a small one to warm up."""
    from benchmarks.volume import make_scan

    (folder / "scans").mkdir()
    for k in range(count):
        make_scan(folder / "scans" / f"{k}.nii.gz", slices, made, side, 11 + k, 0.3)
    make_scan(folder / "warm.nii.gz", 6, 2, 128, 3, 0.0)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every variant `rounds` times, in turn."""
    if args.source:
        shutil.copytree(args.source, folder / "scans")
        shutil.copy(next((folder / "scans").iterdir()), folder / "warm.nii.gz")
    else:
        _in_a_process(make_scans, folder, args.scans, args.slices, args.made, args.side)
    paths = sorted((folder / "scans").iterdir())
    loops = {LOOP: run_commands, SCRIPT: run_script}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*loops, *WAYS)}
    for turn in range(args.rounds):
        for name in found:
            out = folder / f"{name}-{turn}"
            given = (paths, folder / "warm.nii.gz", out, args.checkpoint)
            if name in loops:
                one = _in_a_process(loops[name], *given)
            else:
                one = _in_a_process(run_workers, *given, *WAYS[name])
            found[name].append(one)
            told = f"{one['s']:7.2f} s a scan, {one['processor_s']:.2f} of processors"
            print(f"{name:<26} {told}, {one['peak_bytes'] / 1e9:.2f} GB", flush=True)
            shutil.rmtree(out, ignore_errors=True)
    seconds = {name: statistics.median(one["s"] for one in found[name]) for name in found}
    for name in WAYS:
        for loop in loops:
            ratios = [a["s"] / b["s"] for a, b in zip(found[loop], found[name], strict=True)]
            told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{name}: {seconds[loop] / seconds[name]:.2f} times {loop} (in turn: {told})")
    empty = _in_a_process(run_empty, 2, args.calls)
    driver_ms = 1000 * empty["driver_s"]
    print(f"Ray: {1000 * empty['s']:.2f} ms a scan, {driver_ms:.2f} ms of the driver's processor")
    finding = _in_a_process(run_finding, folder)
    best = min(WAYS, key=seconds.__getitem__)
    single = found["2 workers of 1 thread"]
    return {
        "scan": {"slices": args.slices, "side": args.side, "bytes": round(_mean_size(paths))},
        "ways": found,
        "best": best,
        "ratios": {loop: seconds[loop] / seconds[best] for loop in loops},
        "steps": {name: statistics.median(one["steps"][name] for one in single) for name in STEPS},
        "processor_s": statistics.median(one["processor_s"] for one in single),
        "tell_s": statistics.median(one["tell_s"] for one in single),
        "start_s": statistics.median(one["start_s"] for one in single),
        "peak_bytes": max(one["peak_bytes"] for one in single),
        "empty": empty,
        "finding": finding,
        "processors": len(os.sched_getaffinity(0)),
    }


def _mean_size(paths: list[Path]) -> float:
    return statistics.mean(path.stat().st_size for path in paths)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--slices", type=int, default=119)
    parser.add_argument("--made", type=int, default=4, help="different slices among them (default 4)")
    parser.add_argument("--side", type=int, default=512, help="rows and columns (default 512)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way takes its turn")
    parser.add_argument("--calls", type=int, default=EMPTY_CALLS, help="empty scans, for the overhead")
    parser.add_argument("--checkpoint", default=None)
    parser.add_argument("--source", type=Path, help="a folder of NIfTI files in place of phantoms")
    parser.add_argument("--out", type=Path, help="write what was measured, as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, Path(folder))
    if args.out:
        args.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    # By its own name, under which other processes and Ray's workers find what is defined here.
    from benchmarks import cohort

    raise SystemExit(cohort.main())
