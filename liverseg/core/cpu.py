"""Number of processors this process may use. More threads than processors slow inference down badly."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_THREADS_VARIABLE = "LIVERSEG_THREADS"


def usable_processors(quota_file: Path = _CGROUP_QUOTA) -> int:
    """The smallest of CPU affinity, container quota and LIVERSEG_THREADS; at least 1."""
    count = _affinity_processors()
    requested = os.environ.get(_THREADS_VARIABLE, "")
    if requested.isdecimal() and int(requested):
        count = min(count, int(requested))
    return max(1, min(count, _quota_processors(quota_file) or count))


def shares_processors(quota_file: Path = _CGROUP_QUOTA) -> bool:
    """Whether this process may use fewer processors than its CPU affinity allows."""
    return usable_processors(quota_file) < _affinity_processors()


def _affinity_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_processors(quota_file: Path) -> int | None:
    """Whole processors of a cgroup v2 `cpu.max` file ("200000 100000" is two); None: no limit."""
    try:
        limit, period = quota_file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    return max(1, round(int(limit) / int(period)))
