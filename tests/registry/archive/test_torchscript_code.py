from __future__ import annotations

import gc
import io
import sys
import threading
import time

import pytest
import torch

from registry.archive.archive import check_archive
from registry.archive.torchscript_code import check_code
from registry.errors import ArchiveRefused
from tests.registry.sample_checkpoint import repack

UNSAFE_CODE = [
    "torch.save(hu, '{}')",
    "ops.aten.save(hu, '{}')",
    "t = torch\n    t.save(hu, '{}')",
    "t = ops.aten\n    t.save(hu, '{}')",
    "g = getattr(torch, 'save')\n    g(hu, '{}')",
    "g = getattr(torch, '\\x73ave')\n    g(hu, '{}')",
    "h = torch.save\n    h(hu, '{}')",
    "_x = torch.from_file('/etc/hostname', False, 4, dtype=0)",
    "_x = (torch).from_file('/etc/hostname', False, 4, dtype=0)",
    "ops.prim.PythonOp(hu)",
    "p = ops.prim",
    "_x = __torch__.torch.classes.dist.Store()",
    "import os",
    "def",
    "pass  # \u00e9",
    "pass\r    pass",
]


@pytest.mark.parametrize("line", UNSAFE_CODE)
def test_code_that_could_reach_files_is_refused(archive: bytes, line: str) -> None:
    code = "    window = self.window\n"

    def insert(members: dict[str, bytes]) -> None:
        name = next(n for n in members if n.endswith(".py") and b"class TinyNet" in members[n])
        changed = members[name].decode().replace(code, f"    {line.format('x')}\n{code}", 1)
        assert changed.encode() != members[name]
        members[name] = changed.encode()

    with pytest.raises(ArchiveRefused, match="code in model.pt"):
        check_archive(repack(archive, insert))


def test_code_can_be_checked_in_several_threads_at_once() -> None:
    """Python 3.11 mixes up the depths of two syntax trees that are built at the same time."""
    lines = "".join(f"  x{i} = torch.relu(torch.add(x, x))\n" for i in range(200))
    code = f"def f(x: Tensor) -> Tensor:\n{lines}  return x\n".encode()
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    refused: list[ArchiveRefused] = []

    def read() -> None:
        for _ in range(5):
            try:
                check_code(code)
            except ArchiveRefused as error:
                refused.append(error)

    def give_way(phase: str, info: dict) -> None:
        time.sleep(0)

    gc.callbacks.append(give_way)
    gc.set_threshold(50, 1000, 1000)
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.callbacks.remove(give_way)
    assert refused == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_would_run_the_refused_code_and_write_a_file(archive: bytes, tmp_path) -> None:
    """torch itself would load such an archive and write the file."""
    target = tmp_path / "written"

    def insert(members: dict[str, bytes]) -> None:
        name = next(n for n in members if n.endswith(".py") and b"class TinyNet" in members[n])
        line = f"    torch.save(hu, '{target.as_posix()}')\n    window = self.window\n"
        members[name] = members[name].replace(b"    window = self.window\n", line.encode(), 1)

    evil = repack(archive, insert)
    with pytest.raises(ArchiveRefused, match="calls save"):
        check_archive(evil)
    torch.jit.load(io.BytesIO(evil))(torch.zeros(1, 1, 64, 64))
    assert target.exists()
