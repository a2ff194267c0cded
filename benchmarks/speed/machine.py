"""A description of the machine: processor, memory, versions, without its name."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liverseg.core.cpu import usable_processors

RELEVANT_FLAGS = (
    "avx2", "f16c", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_bf16", "amx_int8",
)  # fmt: skip
"""The processor flags, in Linux's names, by which the runtimes choose their kernels."""

PACKAGES = ("torch", "openvino", "onnxruntime", "transformers", "gradio", "numpy", "nibabel")


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that affect the results."""

    processor: str
    threads: int  # used by every variant
    flags: tuple[str, ...]
    memory_gb: float
    system: str
    python: str
    versions: Mapping[str, str]
    gpu: str = ""

    @property
    def kind(self) -> str:
        """The instruction set and the threads. Ratios are only compared between machines of the same kind.

        >>> Machine("any", 2, ("avx2", "fma"), 8, "Linux", "3.11", {}).kind
        'avx2, 2 threads'
        """
        return f"{instruction_set(self.flags)}, {self.threads} threads"

    def lines(self) -> list[str]:
        """The description as lines of text."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return [
            f"{self.processor}, {self.threads} threads used; of the instruction sets that matter here it has "
            f"{', '.join(self.flags) or 'none'}",
            f"{self.memory_gb:.0f} GB of memory, {self.gpu or 'no GPU'}",
            f"{self.system}, Python {self.python}, {versions}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The machine as JSON data."""
        return asdict(self) | {"flags": list(self.flags), "kind": self.kind}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Machine:
        """The machine from the data of `to_dict`."""
        fields = {key: value for key, value in data.items() if key != "kind"}
        return cls(**fields | {"flags": tuple(fields["flags"])})


def instruction_set(flags: Iterable[str]) -> str:
    """The widest instruction set among the flags that the runtimes use.

    >>> instruction_set(["avx2", "avx512f", "avx512_bf16"]), instruction_set([])
    ('avx512_bf16', 'no avx2')
    """
    flags = set(flags)
    for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2"):
        if name in flags:
            return name
    return "no avx2"


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """The description of this machine."""
    try:
        text = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    family = re.search(r"^cpu family\s*:\s*(\d+)$", text, re.MULTILINE)
    number = re.search(r"^model\s*:\s*(\d+)$", text, re.MULTILINE)
    flag_line = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    flags = set(flag_line.group(1).split()) if flag_line else set()
    processor = model.group(1).strip() if model else platform.machine()
    if family and number:
        processor += f" (family {family.group(1)}, model {number.group(1)})"
    return Machine(
        processor=processor,
        threads=usable_processors(),
        flags=tuple(flag for flag in RELEVANT_FLAGS if flag in flags),
        memory_gb=round(_memory_bytes() / 1e9, 1),
        system=platform.system(),
        python=platform.python_version(),
        versions=_versions(),
        gpu=_gpu(),
    )


def limit_threads(threads: int | None = None) -> int:
    """Limit this process and its children to `threads` processors, by default two.

    All variants then use the same number of threads. Returns the number, which is lower on a machine with
    fewer processors. Call this before torch or OpenVINO are imported.
    """
    wanted = threads or 2
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:wanted])
    count = min(wanted, usable_processors())
    os.environ["OMP_NUM_THREADS"] = str(count)
    return count


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
