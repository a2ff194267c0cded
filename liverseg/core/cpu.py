"""How many processors this process may use: more threads than that is the worst slowdown of all."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_ASKED = "LIVERSEG_THREADS"


def usable_processors(quota_file: Path = _CGROUP_QUOTA) -> int:
    """Processors by affinity, by the container's quota and by LIVERSEG_THREADS; at least 1."""
    count = _processors()
    asked = os.environ.get(_ASKED, "")
    if asked.isdecimal() and int(asked):
        count = min(count, int(asked))
    return max(1, min(count, _quota(quota_file) or count))


def shares_processors(quota_file: Path = _CGROUP_QUOTA) -> bool:
    """Whether this process is to use only some of the processors that it may run on."""
    return usable_processors(quota_file) < _processors()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(quota_file: Path) -> int | None:
    """Whole processors of a cgroup v2 `cpu.max` ("200000 100000" is two), or None without a limit."""
    try:
        limit, period = quota_file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    return max(1, round(int(limit) / int(period)))
