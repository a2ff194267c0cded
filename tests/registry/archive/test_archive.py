from __future__ import annotations

import gc
import io
import json
import os
import pickle
import sys
import threading
import time
import zipfile
from collections.abc import Callable

import pytest
import torch

from registry.archive.archive import MAX_TEXT_BYTES, check_archive
from registry.archive.torchscript_code import check_code
from registry.errors import ArchiveRefused, RegistryError
from tests.registry.sample_checkpoint import TinyNet, manifest_for, repack

OWN_CODE = "code/__torch__/tests/registry/sample_checkpoint.py"
TRACE_WARNINGS = "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning"


@pytest.fixture(scope="module")
def archive(archive_for: Callable) -> bytes:
    return archive_for(manifest_for())


def test_a_scripted_archive_passes_and_gives_its_manifest(archive: bytes) -> None:
    embedded = check_archive(archive)
    assert json.loads(embedded) == manifest_for().to_dict(with_files=False)


@pytest.mark.filterwarnings(*TRACE_WARNINGS)
@pytest.mark.parametrize("how", ["trace", "freeze", "half", "attributes", "versioned"])
def test_what_torch_writes_passes(how: str) -> None:
    net = TinyNet().eval()
    if how == "trace":
        module = torch.jit.trace(net, torch.zeros(1, 1, 64, 64))
    elif how == "freeze":
        module = torch.jit.freeze(torch.jit.script(net))
    elif how == "half":
        module = torch.jit.script(net.to(torch.bfloat16))
    elif how == "versioned":
        module = torch.jit.script(Upsamples())
    else:
        net.sizes, net.names, net.device = [1, 2], {"a": 1}, torch.device("cpu")
        net.scales, net.flags, net.tensors = [0.5], [True], [torch.zeros(2)]
        module = torch.jit.script(net)
    out = io.BytesIO()
    torch.jit.save(module, out)
    assert check_archive(out.getvalue()) is None
    torch.jit.load(io.BytesIO(out.getvalue()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_repacked_archive_still_passes_and_loads(archive: bytes) -> None:
    """So that the refusals below are for what was changed, not for the repacking."""
    again = repack(archive, lambda members: None)
    assert check_archive(again) is not None
    hu = torch.randn(1, 1, 70, 90) * 100
    expected = torch.jit.load(io.BytesIO(archive))(hu)
    assert torch.equal(torch.jit.load(io.BytesIO(again))(hu), expected)


class Upsamples(torch.nn.Module):
    """Calls an operator that was changed once, so that torch puts the version elsewhere."""

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return torch._C._nn.upsample_bilinear2d(hu, [64, 64], False, None)


class CallsSystem:
    def __reduce__(self) -> tuple:
        return os.system, ("echo unsafe",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl", f"{OWN_CODE}.debug_pkl"])
def test_a_pickle_that_names_os_system_is_refused(archive: bytes, member: str, protocol: int) -> None:
    evil = pickle.dumps(CallsSystem(), protocol=protocol)
    with pytest.raises(ArchiveRefused, match="pickle"):
        check_archive(repack(archive, lambda m: m.update({f"archive/{member}": evil})))


@pytest.mark.parametrize(
    "evil",
    [
        b"\x80\x02cbuiltins\neval\n.",
        b"\x80\x02c__torch__.torch.classes.dist\nStore\n.",
        b"\x80\x02c__torch__.os;x\nA\n.",
        b"\x80\x02ctorch\nload\n.",
        b"\x80\x02}.extra",
        b"\x80\x02}",
        b"not a pickle",
        b"",
    ],
)
def test_other_pickles_that_torch_never_writes_are_refused(archive: bytes, evil: bytes) -> None:
    with pytest.raises(ArchiveRefused, match="pickle data.pkl"):
        check_archive(repack(archive, lambda m: m.update({"archive/data.pkl": evil})))


EVIL_CODE = [
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


@pytest.mark.parametrize("line", EVIL_CODE)
def test_code_that_reaches_for_files_is_refused(archive: bytes, line: str) -> None:
    code = "    window = self.window\n"

    def insert(members: dict[str, bytes]) -> None:
        name = next(n for n in members if n.endswith(".py") and b"class TinyNet" in members[n])
        changed = members[name].decode().replace(code, f"    {line.format('x')}\n{code}", 1)
        assert changed.encode() != members[name]
        members[name] = changed.encode()

    with pytest.raises(ArchiveRefused, match="code in model.pt"):
        check_archive(repack(archive, insert))


def test_code_is_read_in_several_threads_at_once() -> None:
    """Python 3.11 takes the depths of two trees that are built at once for one."""
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
def test_the_danger_is_real(archive: bytes, tmp_path) -> None:
    """Torch itself runs such an archive and writes the file: the check is not for show."""
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


@pytest.mark.parametrize(
    "name",
    [
        "archive/../x",
        "/archive/data/0",
        "archive//data/9",
        "other/data/9",
        "archive/data/x",
        "archive\\data\\9",
    ]
    + ["archive/lib.so", "archive/code/evil.so", "archive/code/../x.py", "archive/extra/../../x", "toplevel"]
    + [
        "archive/data/../../x",
        "archive/DATA.PKL",
        "archive/extra/a/b",
        "archive/code/__torch__/",
        "archive/..",
    ],
)
def test_a_member_that_torch_never_writes_is_refused(archive: bytes, name: str) -> None:
    with pytest.raises(ArchiveRefused):
        check_archive(repack(archive, lambda m: m.update({name: b"x"})))


def test_a_bomb_is_refused_before_it_is_unpacked(archive: bytes) -> None:
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("archive/extra/big", bytes(MAX_TEXT_BYTES + 1))
    assert len(out.getvalue()) < len(archive) + 100_000
    with pytest.raises(ArchiveRefused, match="far more"):
        check_archive(out.getvalue())


def test_a_small_bomb_is_refused_by_its_ratio(archive: bytes) -> None:
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("archive/extra/big", bytes(1024**2))
    with pytest.raises(ArchiveRefused, match="far more"):
        check_archive(out.getvalue())


def test_a_compressed_tensor_is_refused(archive: bytes) -> None:
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("archive/data/99", bytes(1000))
    with pytest.raises(ArchiveRefused, match="compressed"):
        check_archive(out.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["archive/data.pkl", "Archive/data.pkl", "archive/EXTRA/x"])
def test_a_name_that_occurs_twice_is_refused(archive: bytes, name: str) -> None:
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a") as target:
        target.writestr(name, b"\x80\x02}.")
    with pytest.raises(ArchiveRefused):
        check_archive(out.getvalue())


@pytest.mark.parametrize("top", ["data.pkl", "constants.pkl", "version"])
def test_an_archive_without_its_parts_is_refused(archive: bytes, top: str) -> None:
    with pytest.raises(ArchiveRefused, match=f"has no {top}"):
        check_archive(repack(archive, lambda m: m.pop(f"archive/{top}")))


def test_data_before_or_behind_the_archive_is_refused(archive: bytes) -> None:
    for data in (b"#!/bin/sh\n" + archive, archive + b"\n", archive + archive):
        with pytest.raises(ArchiveRefused):
            check_archive(data)


def test_a_plain_checkpoint_of_torch_save_is_refused(archive: bytes) -> None:
    out = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, out)
    for data in (out.getvalue(), b"", b"PK\x05\x06" + bytes(18), b"\x80\x02}.", b"\x89PNG\r\n"):
        with pytest.raises(ArchiveRefused):
            check_archive(data)


def test_every_truncation_is_refused(archive: bytes) -> None:
    for length in range(0, len(archive) - 1, len(archive) // 60):
        with pytest.raises(ArchiveRefused):
            check_archive(archive[:length])


def test_a_flipped_bit_is_refused_or_harmless_but_never_a_crash(archive: bytes) -> None:
    refused = 0
    for position in range(0, len(archive), len(archive) // 70):
        damaged = bytearray(archive)
        damaged[position] ^= 0x10
        try:
            check_archive(bytes(damaged))
        except RegistryError as refusal:
            assert "\n" not in str(refusal)
            refused += 1
    assert refused > 20
