"""The Ray cluster that a cohort runs on: one started on this machine, or an existing one.

Ray's usage statistics are off and no dashboard is started. A cluster that is started here listens on the
loopback address only.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liverseg.cohort.file_headers import FileHeader, read_headers
from liverseg.cohort.remote_files import File
from liverseg.cohort.worker_plan import Node
from liverseg.errors import LiversegError

RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # do not derive a runtime environment from our command line
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
"""Environment variables that are set, where they are not, before Ray is imported."""

_OBJECT_STORE_BYTES = 256 * 1024**2  # it holds only the checkpoint, file headers and records
_LOCAL_ATTEMPTS = 3  # Ray gives its own processes 15 s to start, which a busy machine may exceed
_PROJECT_ROOT = Path(__file__).parents[2]


class ClusterFailed(LiversegError):
    """Ray or its workers cannot be started or reached."""


@contextmanager
def connect_to_ray(address: str | None, processors: int | None = None) -> Iterator[list[Node]]:
    """A connection to the cluster at `address`, or to one started here with `processors`; yields its nodes.

    Raises `ClusterFailed`.
    """
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address is None:
        _add_to_python_path(str(_PROJECT_ROOT))
    try:
        import ray
    except ImportError as error:
        raise ClusterFailed("Cohorts need Ray: pip install 'liverseg[cohort]'.") from error
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {
            "address": "local",
            "num_cpus": processors,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    for attempts_left in reversed(range(_LOCAL_ATTEMPTS if address is None else 1)):
        try:
            ray.init(**options)
            break
        except Exception as error:  # ConnectionError, RuntimeError, ValueError and Ray's own types
            ray.shutdown()
            if attempts_left:
                continue
            lines = str(error).strip().splitlines() or [type(error).__name__]
            verb = "started" if address is None else "reached"
            raise ClusterFailed(f"The Ray cluster cannot be {verb}: {lines[0]}") from error
    try:
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield [(int(node.get("CPU", 0)), float(node.get("memory", 0))) for node in resources]
    finally:
        ray.shutdown()


def _add_to_python_path(folder: str) -> None:
    """Prepends a folder to PYTHONPATH, which the workers of a local cluster inherit."""
    current = os.environ.get("PYTHONPATH")
    if folder not in (current or "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, current]))


def read_headers_on_cluster(chunks: Sequence[list[File]]) -> Iterable[list[FileHeader]]:
    """`read_headers` of each chunk of files, in order, with a limited number of tasks on the cluster."""
    import ray

    if len(chunks) < 2:
        yield from map(read_headers, chunks)
        return
    task = ray.remote(read_headers).options(num_cpus=1, max_retries=2)
    limit = 2 * int(ray.cluster_resources().get("CPU", 1)) + 2
    in_progress: list[Any] = []
    for chunk in chunks:
        in_progress.append(task.remote(chunk))
        if len(in_progress) >= limit:
            yield ray.get(in_progress.pop(0))
    for reference in in_progress:
        yield ray.get(reference)
