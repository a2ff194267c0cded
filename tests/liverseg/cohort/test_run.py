"""Runs of a cohort without Ray: which scans are settled, and what is collected from their records."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from liverseg.cohort.discover import Inventory
from liverseg.cohort.remote_files import File
from liverseg.cohort.result_store import Store
from liverseg.cohort.run import INPUT_COLUMNS, check_lesion_cut, collect_results, is_settled
from liverseg.cohort.scan import Failure, Scan
from liverseg.errors import InvalidSetting
from registry import open_registries
from tests.liverseg.app.rule_checkpoints import write_rule
from tests.liverseg.lesion_scenes import manifest_entry


@pytest.fixture
def store(tmp_path):
    """A store with the result `k1`."""
    store = Store.create(tmp_path, "0")
    store.salt()
    with store.staged("k1") as stage:
        (stage / "row.json").write_text("{}")
    return store


def scan_of(id: str, *names: str) -> Scan:
    return Scan(id, tuple(File(f"/data/{name}", 1, "1:1") for name in names))


DONE = {"state": "done", "key": "k1", "input_sha256": "ab"}


@pytest.mark.parametrize(
    ("record", "settled"),
    [
        (DONE, True),
        ({"state": "done", "key": "missing", "input_sha256": "ab"}, False),
        ({"state": "failed", "kind": "refused", "reason": "."}, True),
        ({"state": "failed", "kind": "crashed", "reason": "."}, False),
        ({"state": "failed", "kind": "unavailable", "reason": "."}, False),
    ],
)
def test_only_results_and_repeatable_failures_are_settled(record, settled, store):
    scan = scan_of("a1", "a")
    assert not is_settled(store, scan)
    store.put_record({"id": scan.id, "stamp": scan.stamp, "attempts": 1} | record)
    assert is_settled(store, scan) is settled
    store.put_record({"id": scan.id, "stamp": "changed", "attempts": 1} | record)
    assert not is_settled(store, scan)


def test_results_are_collected_once_and_every_input_is_listed(store):
    scans = [scan_of("a1", "x/1", "x/2"), scan_of("a2", "copy"), scan_of("a3", "bad"), scan_of("a4", "new")]
    for scan in scans[:2]:
        store.put_record({"id": scan.id, "stamp": scan.stamp, "attempts": 1} | DONE)
    store.put_record({"id": "a3", "state": "failed", "kind": "memory", "reason": "Too large.", "attempts": 2})
    aside = Failure("a0", "left aside", "Text.", files=(File("/data/notes.txt", 1, "1:1"),))
    keys, failures = collect_results(store, Inventory(scans, [aside]))
    assert keys == ["k1"]
    assert [tuple(row.values()) for row in failures] == [
        ("a4", "crashed", "It was not run.", 0),
        ("a0", "left aside", "Text.", 0),
        ("a3", "memory", "Too large.", 2),
    ]
    path = store.folder / "private" / "inputs.csv"
    with path.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert tuple(header) == INPUT_COLUMNS and path.stat().st_mode & 0o777 == 0o600
    assert rows[0] == ["a1", "done", "k1", "ab", "", "2", "/data/x", "/data/x/1"]
    assert [row[0] for row in rows] == ["a1", "a2", "a4", "a0", "a3"]


def test_a_lesion_cut_needs_a_lesion_model_and_a_probability(tmp_path):
    write_rule(tmp_path / "rule", "rule", "1.0.0", 88.0, (0.9, 0.4), 0.4)
    (checkpoint,) = open_registries(str(tmp_path)).list()
    with pytest.raises(InvalidSetting, match="no lesion model"):
        check_lesion_cut(checkpoint, 0.5)
    extra = {"lesion_model": manifest_entry()}
    with_model = replace(checkpoint, manifest=replace(checkpoint.manifest, extra=extra))
    check_lesion_cut(with_model, 0.5)
    with pytest.raises(InvalidSetting, match="from 0 to 1"):
        check_lesion_cut(with_model, 1.5)
