from __future__ import annotations

import io
import json
import zipfile

import pytest
import torch

from registry.archive.archive import MAX_TEXT_BYTES, check_archive
from registry.errors import ArchiveRefused, RegistryError
from tests.registry.sample_checkpoint import TinyNet, manifest_for, repack

TRACE_WARNINGS = "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning"


def test_a_scripted_archive_passes_and_its_manifest_is_returned(archive: bytes) -> None:
    embedded = check_archive(archive)
    assert json.loads(embedded) == manifest_for().to_dict(with_files=False)


@pytest.mark.filterwarnings(*TRACE_WARNINGS)
@pytest.mark.parametrize("how", ["trace", "freeze", "half", "attributes", "versioned"])
def test_every_kind_of_archive_that_torch_writes_passes(how: str) -> None:
    net = TinyNet().eval()
    if how == "trace":
        module = torch.jit.trace(net, torch.zeros(1, 1, 64, 64))
    elif how == "freeze":
        module = torch.jit.freeze(torch.jit.script(net))
    elif how == "half":
        module = torch.jit.script(net.to(torch.bfloat16))
    elif how == "versioned":
        module = torch.jit.script(UpsamplingNet())
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
    """The refusals in other tests are therefore not due to repacking."""
    again = repack(archive, lambda members: None)
    assert check_archive(again) is not None
    hu = torch.randn(1, 1, 70, 90) * 100
    expected = torch.jit.load(io.BytesIO(archive))(hu)
    assert torch.equal(torch.jit.load(io.BytesIO(again))(hu), expected)


class UpsamplingNet(torch.nn.Module):
    """Calls an operator with several versions, so that torch writes the version to another member."""

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return torch._C._nn.upsample_bilinear2d(hu, [64, 64], False, None)


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


def test_a_small_bomb_is_refused_by_its_compression_ratio(archive: bytes) -> None:
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
def test_an_archive_without_a_required_member_is_refused(archive: bytes, top: str) -> None:
    with pytest.raises(ArchiveRefused, match=f"has no {top}"):
        check_archive(repack(archive, lambda m: m.pop(f"archive/{top}")))


def test_data_before_or_after_the_archive_is_refused(archive: bytes) -> None:
    for data in (b"#!/bin/sh\n" + archive, archive + b"\n", archive + archive):
        with pytest.raises(ArchiveRefused):
            check_archive(data)


def test_a_file_that_is_not_torchscript_is_refused(archive: bytes) -> None:
    out = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, out)
    for data in (out.getvalue(), b"", b"PK\x05\x06" + bytes(18), b"\x80\x02}.", b"\x89PNG\r\n"):
        with pytest.raises(ArchiveRefused):
            check_archive(data)


def test_every_truncation_is_refused(archive: bytes) -> None:
    for length in range(0, len(archive) - 1, len(archive) // 60):
        with pytest.raises(ArchiveRefused):
            check_archive(archive[:length])


def test_a_flipped_bit_never_crashes_the_check(archive: bytes) -> None:
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
