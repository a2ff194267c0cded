"""`cohort` on a Ray cluster of two local nodes: complete runs, and runs in which processes are killed."""

from __future__ import annotations

import csv
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pyarrow import parquet

from liverseg.__main__ import main
from liverseg.cohort import worker_pool
from liverseg.cohort.ray_cluster import RAY_ENVIRONMENT
from liverseg.cohort.run import KILLED
from liverseg.io.sniff import FORMAT_LIST
from tests.liverseg.app.rule_checkpoints import write_registry
from tests.liverseg.cohort.hostile_workers import KilledByScans
from tests.liverseg.cohort.small_scans import write_nifti, write_series

ROOT = Path(__file__).parents[3]
SLOW_COHORT = """
import sys
from liverseg.__main__ import main
from liverseg.cohort import worker_pool
from tests.liverseg.cohort.hostile_workers import SlowWorker
worker_pool.Worker = SlowWorker
sys.exit(main(["cohort", *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Environment variables that the workers inherit from the cluster."""
    registry = write_registry(tmp_path_factory.mktemp("registry"))
    patch = pytest.MonkeyPatch()
    patch.setenv("LIVERSEG_REGISTRY", str(registry))
    patch.setenv("PYTHONPATH", str(ROOT))
    patch.setenv("RAY_worker_niceness", "0")  # else any other process takes precedence
    for name, value in RAY_ENVIRONMENT.items():
        patch.setenv(name, value)
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def ports_known_in_advance(environment):
    """Writes an agent's port before its raylet starts, which dies after 15 s without it (busy machines)."""
    import ray._private.services as services
    from ray._raylet import DASHBOARD_AGENT_LISTEN_PORT_NAME, persist_port

    start, signature = services.start_raylet, inspect.signature(services.start_raylet)

    def start_with_known_port(*args, **options):
        given = signature.bind(*args, **options).arguments
        port = given["dashboard_agent_listen_port"]
        persist_port(given["session_dir"], given["node_id"], DASHBOARD_AGENT_LISTEN_PORT_NAME, port)
        return start(*args, **options)

    environment.setattr(services, "start_raylet", start_with_known_port)


def free_ports() -> dict[str, int]:
    """Free ports for the agents of a node. Ray does not wait for agents whose ports are given."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in (*names, "runtime_env_agent_port")]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return dict(zip((*names, "runtime_env_agent_port"), ports, strict=True))


@pytest.fixture(scope="module")
def cluster(environment, ports_known_in_advance):
    """Two nodes of one processor each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 1024**2}
    nodes = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **node, **free_ports()})
    nodes.second = nodes.add_node(**node, **free_ports())
    yield nodes
    nodes.shutdown()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def public_text(out: Path) -> str:
    """Names and contents of all result files outside `private`."""
    paths = [path for path in out.rglob("*") if "private" not in path.relative_to(out).parts]
    names = " ".join(str(path.relative_to(out)) for path in paths)
    return names + "".join(path.read_bytes().decode("latin-1") for path in paths if path.is_file())


def test_a_folder_with_hostile_files_becomes_tables_and_a_second_run_adds_new_scans(
    cluster, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(worker_pool, "Worker", KilledByScans)
    source, out = tmp_path / "DOE_JANE", tmp_path / "out"
    for seed in (1, 2, 3):
        write_nifti(source / f"patient{seed}" / "ct.nii.gz", seed)
    (source / "copy.nii.gz").write_bytes((source / "patient1" / "ct.nii.gz").read_bytes())
    write_series(source / "series", 4)
    write_nifti(source / "killer.nii.gz", 5)
    (source / "cut.nii.gz").write_bytes((source / "patient2" / "ct.nii.gz").read_bytes()[:3000])
    vast = nibabel.Nifti1Image(np.zeros((64, 64, 1000), np.uint8), np.eye(4))
    nibabel.save(vast, source / "vast.nii.gz")  # 4 million voxels do not fit into a worker of 0.7 GB
    (source / "notes.txt").write_text("nothing")
    command = ["cohort", str(source), "--out", str(out), "--address", cluster.address, "--memory", "0.7"]
    command += ["--formats", "nifti", "--engine", "torch"]

    assert main(command) == 1
    table, failures, inputs = (
        rows(out / name) for name in ("scans.csv", "failures.csv", "private/inputs.csv")
    )
    assert len(table) == len({row["key"] for row in table}) == 4  # a copy shares the row of its original
    assert sorted(row["format"] for row in table) == ["dicom", "nifti", "nifti", "nifti"]
    assert {row["kind"]: row["reason"].split(":")[0] for row in failures} == {
        "crashed": KILLED,
        "left aside": f"The file holds text, not an image; liverseg reads {FORMAT_LIST} and DICOM.",
        "memory": failures[2]["reason"].split(":")[0],
        "refused": "The NIfTI file is truncated",
    }
    assert "1000 × 64 × 64 voxels" in failures[2]["reason"]
    by_name = {Path(row["path"]).name: row for row in inputs}
    assert len(inputs) == 9 and by_name["series"]["files"] == "4"
    assert by_name["copy.nii.gz"]["key"] in {row["key"] for row in table}
    assert by_name["killer.nii.gz"]["status"] == "crashed"
    assert [row["input"] for row in failures if row["kind"] == "crashed"] == [
        by_name["killer.nii.gz"]["input"]
    ]
    for row in table:
        folder = out / "scans" / row["key"][:2] / row["key"]
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        assert report["liver"]["voxels"] == int(row["liver_count"]) > 1000
        assert (folder / "labels.nii.gz").exists() and report["input"]["sha256"] == row["input_sha256"]
        assert len(report["lesions"]) == int(row["lesions"])
    lesions = rows(out / "lesions.csv")
    assert len(lesions) == sum(int(row["lesions"]) for row in table) > 0
    for name, plain in (("scans", table), ("lesions", lesions)):
        typed = parquet.read_table(out / f"{name}.parquet").to_pylist()
        assert [row["key"] for row in typed] == [row["key"] for row in plain]
    assert typed[0]["volume_ml"] == float(lesions[0]["volume_ml"]) and typed[0]["touches_liver"] is True
    text = public_text(out)
    assert "DOE" not in text and "4711" not in text and "patient1" not in text and str(tmp_path) not in text
    assert "A scan of 1000" in (out / "summary.html").read_text(encoding="utf-8")

    before = {path: path.stat().st_mtime_ns for path in (out / "scans").rglob("*")}
    for name in ("killer", "cut", "vast"):
        (source / f"{name}.nii.gz").unlink()
    write_nifti(source / "new.nii", 7)
    capsys.readouterr()
    assert main(command) == 0
    assert "5 scans in the table, 5 of them from an earlier run" in capsys.readouterr().out
    after = {path: path.stat().st_mtime_ns for path in (out / "scans").rglob("*")}
    kept = [path for path in before if path.is_file()]
    assert [after[path] for path in kept] == [before[path] for path in kept]
    assert len(rows(out / "scans.csv")) == 5


def start_slowly(source: Path, out: Path, address: str) -> subprocess.Popen:
    command = [sys.executable, "-c", SLOW_COHORT, str(source), "--out", str(out), "--address", address]
    return subprocess.Popen([*command, "--engine", "torch"], cwd=ROOT, stderr=subprocess.DEVNULL)


def records(out: Path) -> int:
    return len(list((out / "records").rglob("*.json")))


def until(condition, timeout_s=500):  # on a busy machine a worker takes minutes to start
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def worker_processes() -> list[int]:
    """Process ids of the slow workers of this test's cluster."""
    pids, ours = [], f"LIVERSEG_REGISTRY={os.environ['LIVERSEG_REGISTRY']}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Slow") and ours in (path.parent / "environ").read_bytes():
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids


def test_every_scan_has_one_result_although_driver_worker_and_node_are_killed(cluster, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    count = 10
    for seed in range(count):
        write_nifti(source / f"{seed}.nii", seed)

    driver = start_slowly(source, out, cluster.address)
    until(lambda: records(out) >= 2)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    until(lambda: not worker_processes())  # workers end with their driver
    stored = records(out)
    assert 2 <= stored < count and not (out / "scans.csv").exists()

    driver = start_slowly(source, out, cluster.address)
    until(lambda: len(worker_processes()) == 2 and records(out) > stored)
    os.kill(worker_processes()[0], signal.SIGKILL)
    stored = records(out)
    until(lambda: records(out) > stored)
    cluster.remove_node(cluster.second, allow_graceful=False)  # kills the raylet and its workers
    assert driver.wait(timeout=500) == 0

    table = rows(out / "scans.csv")
    assert len(table) == len({row["input_sha256"] for row in table}) == count
    assert rows(out / "failures.csv") == [] and records(out) == count
    folders = [path for path in (out / "scans").glob("*/*") if path.is_dir()]
    assert {path.name for path in folders} == {row["key"] for row in table}
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == ["overview.jpg", "report.json", "row.json"]
    assert not list(out.rglob("*.part")) and not list((out / ".work").iterdir())
