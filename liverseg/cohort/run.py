"""A cohort from its source to its tables."""

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
from liverseg.cohort.discover import Found, find_scans, folder_of
from liverseg.cohort.ray_cluster import Plan, Workers, connected, plan_for, surveyed
from liverseg.cohort.remote_files import File
from liverseg.cohort.result_store import Store
from liverseg.cohort.scan import CRASHED, FINAL, Failure, Scan, Settings
from liverseg.cohort.scheduling import Queue, Task
from liverseg.cohort.summary_page import write_summary
from liverseg.cohort.tables import write_tables
from liverseg.cohort.worker import Model
from liverseg.errors import CheckpointRefused
from liverseg.inference.segmenter import find_checkpoint
from liverseg.io.files import write_atomically
from registry import Registries, RegistryError

KILLED = "The worker process died or hung twice while it worked on this input, the second time on it alone."
INPUT_COLUMNS = ("input", "status", "key", "input_sha256", "series", "files", "path", "first_file")
PRIVATE = """inputs.csv says which file each row of the tables comes from. Paths often name the patient:
keep this folder where the scans are kept, and give away the other files without it.
"""


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    scans: int  # to be done in this run
    done: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    rows: int  # scans in the table
    failures: int  # inputs refused or failed, those left aside not counted
    aside: int
    already: int  # results that were there
    seconds: float
    plan: Plan


def run_cohort(
    source: str,
    out: str,
    *,
    checkpoint: str | None = None,
    address: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    budget_bytes: int | None = None,
    formats: tuple[str, ...] = (),
    engine: str = "auto",
    threshold: float | None = None,
    keep_all: bool = False,
    registries: Registries | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Outcome:
    """Segment every scan of a source that has no result yet, then write the tables and the summary page.

    `source` is a folder, a file, or a list (CSV, Parquet) at a local path or fsspec address; `out` a folder
    that every node of the cluster sees. Raises a subclass of `LiversegError` where the run as a whole cannot
    be: a checkpoint or cluster that is not there, a source without files, a folder that cannot be written to.
    """
    started = time.monotonic()
    model, settings = _model(checkpoint, registries)
    settings = replace(settings, engine=engine, threshold=threshold, keep_all=keep_all, formats=formats)
    store = Store.create(out, settings.digest)
    write_atomically(store.folder / "private" / "README.txt", PRIVATE.encode())
    with store.alone(), connected(address) as nodes:
        plan = plan_for(nodes, workers, threads, budget_bytes)
        found = find_scans(source, store.salt(), Path(out), surveyed)
        todo = [scan for scan in found.scans if not _is_settled(store, scan)]
        already = len(found.scans) - len(todo)
        told = f"{len(found.scans)} scans found, {already} of them done before"
        say(f"{told}; {plan.workers} workers with {plan.threads} threads")
        if todo:
            plan = replace(plan, workers=min(plan.workers, len(todo)))
            _process(store, model, settings, plan, todo, tell)
        keys, failures = _assemble(store, found)
        write_tables(store, keys, failures)
    ended = time.monotonic() - started
    aside = sum(failure["kind"] == "left aside" for failure in failures)
    outcome = Outcome(len(keys), len(failures) - aside, aside, already, ended, plan)
    facts = {
        "liverseg": liverseg.__version__,
        "settings": settings.to_dict(),
        "inputs": len(found.scans) + len(found.failures),
        "scans": len(keys),
        "failures": outcome.failures,
        "left_aside": aside,
    }
    write_atomically(store.folder / "cohort.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_summary(store, keys, failures, facts)
    return outcome


def _model(ref: str | None, registries: Registries | None) -> tuple[Model, Settings]:
    """The checkpoint, verified, and settings that name it."""
    checkpoint = find_checkpoint(ref, registries)
    try:
        archive = checkpoint.read_model()
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
    settings = Settings(checkpoint.ref, checkpoint.sha256, version=liverseg.__version__)
    return Model(replace(checkpoint, source=None), archive), settings


def _is_settled(store: Store, scan: Scan) -> bool:
    """Whether an input that has not changed has its result, or a failure that another try would repeat."""
    record = store.record(scan.id)
    if record is None or record.get("stamp") != scan.stamp:
        return False
    return record["state"] == "done" or record["kind"] in FINAL


def _process(
    store: Store,
    model: Model,
    settings: Settings,
    plan: Plan,
    todo: list[Scan],
    tell: Callable[[Progress], None],
) -> None:
    started, counts = time.monotonic(), {"done": 0, "failed": 0}

    def finished(record: dict[str, Any]) -> None:
        counts[record["state"]] += 1
        tell(Progress(len(todo), counts["done"], counts["failed"], time.monotonic() - started))

    def failed(task: Task) -> None:
        record = {"id": task.scan.id, "stamp": task.scan.stamp, "attempts": task.attempt}
        record |= {"state": "failed", "kind": CRASHED, "reason": KILLED}
        store.put_record(record)
        finished(record)

    out = str(store.folder.resolve())
    Workers(plan, model, settings, out).process(Queue(todo), finished, failed)


def _assemble(store: Store, found: Found) -> tuple[list[str], list[dict[str, Any]]]:
    """The keys of the results, each once, and the failures; writes which input is which."""
    keys: set[str] = set()
    failures: list[Failure] = list(found.failures)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(INPUT_COLUMNS)
    for scan in found.scans:
        record = store.record(scan.id) or {"state": "failed", "kind": CRASHED, "reason": "It was not run."}
        if record["state"] == "done":
            keys.add(record["key"])
            series = "" if scan.series is None else scan.series
            told = ("done", record["key"], record["input_sha256"], series)
            table.writerow((scan.id, *told, *_place(scan.files)))
        else:
            failures.append(
                Failure(scan.id, record["kind"], record["reason"], record.get("attempts", 0), scan.files)
            )
    failures.sort(key=lambda failure: (failure.kind, failure.id))
    for failure in failures:
        table.writerow((failure.id, failure.kind, "", "", "", *_place(failure.files)))
    path = store.folder / "private" / "inputs.csv"
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))
    path.chmod(0o600)
    rows = [
        {"input": one.id, "kind": one.kind, "reason": one.reason, "attempts": one.attempts}
        for one in failures
    ]
    return sorted(keys), rows


def _place(files: tuple[File, ...]) -> tuple[int, str, str]:
    """How many files an input is, their folder or the one file, and the first of them."""
    return len(files), folder_of(files), min((file.address for file in files), default="")
