"""A run of a cohort, from its source to its tables."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import liverseg
from liverseg.cohort.discover import Inventory, common_address, find_scans
from liverseg.cohort.ray_cluster import connect_to_ray, read_headers_on_cluster
from liverseg.cohort.remote_files import File
from liverseg.cohort.result_store import Store
from liverseg.cohort.scan import ASIDE, CRASHED, PERMANENT_KINDS, CohortSettings, Failure, Scan
from liverseg.cohort.scheduling import Queue, Task
from liverseg.cohort.summary_page import write_summary
from liverseg.cohort.tables import write_tables
from liverseg.cohort.worker import Model
from liverseg.cohort.worker_plan import WorkerPlan, plan_workers
from liverseg.cohort.worker_pool import WorkerPool
from liverseg.core.lesion_candidates import NO_RULES
from liverseg.errors import CheckpointRefused
from liverseg.inference.rules import inference_rules
from liverseg.inference.segmenter import find_checkpoint
from liverseg.io.files import write_atomically
from registry import Checkpoint, RegistryError

KILLED = "The worker process died or hung twice while it worked on this input, the second time on it alone."
INPUT_COLUMNS = ("input", "status", "key", "input_sha256", "series", "files", "path", "first_file")
PRIVATE_README = """inputs.csv lists the files behind each row of the tables. Paths often name the patient:
keep this folder with the scans, and leave it out when you share the other files.
"""


@dataclass(frozen=True)
class CohortOptions:
    """What is run, and on which cluster; the defaults are those of the command line."""

    checkpoint: str | None = None  # name or name@version; None: the default checkpoint
    engine: str = "auto"
    threshold: float | None = None  # of the tumour probability; None: that of the checkpoint
    keep_all: bool = False  # keep every connected component
    formats: tuple[str, ...] = ()  # written per scan beside the report and the overview
    address: str | None = None  # of a Ray cluster; None: start one on this machine
    workers: int | None = None
    threads: int | None = None  # of each worker
    budget_bytes: int | None = None  # memory of each worker
    lesion_cut: float | None = None  # lesion probability of a likely lesion; None: the checkpoint's


@dataclass(frozen=True)
class CohortProgress:
    """How far a run is."""

    scans: int  # scans to process in this run
    done: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class CohortOutcome:
    """The counts of a finished run."""

    rows: int  # scans in the table
    failures: int  # inputs that were refused or failed, without those left aside
    aside: int
    already: int  # scans that were settled before this run
    seconds: float


def run_cohort(
    source: str,
    out: str,
    options: CohortOptions,
    on_progress: Callable[[CohortProgress], None] = lambda progress: None,
    on_message: Callable[[str], None] = lambda sentence: None,
) -> CohortOutcome:
    """Segments every scan of a source that has no result yet, then writes the tables and the summary page.

    `source` is a folder, a file, or a list (CSV, Parquet) at a local path or fsspec address; `out` is a
    folder that every node of the cluster sees. Errors of single inputs become rows of `failures.csv`. Raises
    a subclass of `LiversegError` for a missing checkpoint or cluster, a source without files, or an output
    folder that cannot be written to.
    """
    started = time.monotonic()
    model, settings = load_model(options.checkpoint)
    if options.lesion_cut is not None:
        check_lesion_cut(model.checkpoint, options.lesion_cut)
    settings = replace(
        settings,
        engine=options.engine,
        threshold=options.threshold,
        lesion_cut=options.lesion_cut,
        keep_all=options.keep_all,
        formats=options.formats,
    )
    store = Store.create(out, settings.digest)
    write_atomically(store.folder / "private" / "README.txt", PRIVATE_README.encode(), durable=True)
    with store.locked(), connect_to_ray(options.address) as nodes:
        plan = plan_workers(nodes, options.workers, options.threads, options.budget_bytes)
        inventory = find_scans(source, store.salt(), Path(out), read_headers_on_cluster)
        scans = inventory.scans
        todo = [scan for scan in scans if not is_settled(store, scan)]
        already = len(scans) - len(todo)
        on_message(
            f"{len(scans)} scans found, {already} of them done before; "
            f"{plan.workers} workers with {plan.threads} threads"
        )
        if todo:
            plan = replace(plan, workers=min(plan.workers, len(todo)))
            _process(store, model, settings, plan, todo, on_progress)
        keys, failures = collect_results(store, inventory)
        write_tables(store, keys, failures)
    seconds = time.monotonic() - started
    aside = sum(failure["kind"] == ASIDE for failure in failures)
    outcome = CohortOutcome(len(keys), len(failures) - aside, aside, already, seconds)
    facts = {
        "liverseg": liverseg.__version__,
        "settings": settings.to_dict(),
        "inputs": len(scans) + len(inventory.failures),
        "scans": len(keys),
        "failures": outcome.failures,
        "left_aside": aside,
    }
    content = (json.dumps(facts, indent=2) + "\n").encode()
    write_atomically(store.folder / "cohort.json", content, durable=True)
    write_summary(store, keys, failures, facts)
    return outcome


def load_model(ref: str | None) -> tuple[Model, CohortSettings]:
    """A verified checkpoint and the settings that name it. Raises `CheckpointRefused`."""
    checkpoint = find_checkpoint(ref)
    try:
        archive = checkpoint.read_model()
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
    settings = CohortSettings(checkpoint.ref, checkpoint.sha256, version=liverseg.__version__)
    return Model(replace(checkpoint, source=None), archive), settings


def check_lesion_cut(checkpoint: Checkpoint, cut: float) -> None:
    """Raise `InvalidSetting` for a cut outside [0, 1] and for a checkpoint without a lesion model."""
    rules = inference_rules(checkpoint.manifest.extra, checkpoint.ref)
    with_model = [one for one in (rules.volume_lesions, rules.slice_lesions) if one.model is not None]
    (with_model or [NO_RULES])[0].with_cut(cut)


def is_settled(store: Store, scan: Scan) -> bool:
    """Whether an unchanged input has its result, or a failure that another run would repeat."""
    record = store.record(scan.id)
    if record is None or record.get("stamp") != scan.stamp:
        return False
    return record["state"] == "done" or record["kind"] in PERMANENT_KINDS


def _process(
    store: Store,
    model: Model,
    settings: CohortSettings,
    plan: WorkerPlan,
    todo: list[Scan],
    on_progress: Callable[[CohortProgress], None],
) -> None:
    """Processes the scans on a pool of workers and records those that crash."""
    started, counts = time.monotonic(), {"done": 0, "failed": 0}

    def count(record: dict[str, Any]) -> None:
        counts[record["state"]] += 1
        seconds = time.monotonic() - started
        on_progress(CohortProgress(len(todo), counts["done"], counts["failed"], seconds))

    def record_crash(task: Task) -> None:
        record = {"id": task.scan.id, "stamp": task.scan.stamp, "attempts": task.attempt}
        record |= {"state": "failed", "kind": CRASHED, "reason": KILLED}
        store.put_record(record)
        count(record)

    out = str(store.folder.resolve())
    WorkerPool(plan, model, settings, out).process(Queue(todo), count, record_crash)


def collect_results(store: Store, inventory: Inventory) -> tuple[list[str], list[dict[str, Any]]]:
    """The sorted distinct keys of the results and the rows of `failures.csv`.

    Also writes `private/inputs.csv`, which names the files of every input.
    """
    keys: set[str] = set()
    failures: list[Failure] = list(inventory.failures)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(INPUT_COLUMNS)
    for scan in inventory.scans:
        record = store.record(scan.id) or {"state": "failed", "kind": CRASHED, "reason": "It was not run."}
        if record["state"] == "done":
            keys.add(record["key"])
            series = "" if scan.series is None else scan.series
            result = ("done", record["key"], record["input_sha256"], series)
            table.writerow((scan.id, *result, *_file_cells(scan.files)))
        else:
            failures.append(
                Failure(scan.id, record["kind"], record["reason"], record.get("attempts", 0), scan.files)
            )
    failures.sort(key=lambda failure: (failure.kind, failure.id))
    for failure in failures:
        table.writerow((failure.id, failure.kind, "", "", "", *_file_cells(failure.files)))
    path = store.folder / "private" / "inputs.csv"
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"), durable=True)
    path.chmod(0o600)
    rows = [
        {"input": failure.id, "kind": failure.kind, "reason": failure.reason, "attempts": failure.attempts}
        for failure in failures
    ]
    return sorted(keys), rows


def _file_cells(files: tuple[File, ...]) -> tuple[int, str, str]:
    """The last columns of `inputs.csv`: the number of files, their common address, the first file."""
    return len(files), common_address(files), min((file.address for file in files), default="")
