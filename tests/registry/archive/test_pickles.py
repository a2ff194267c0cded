from __future__ import annotations

import os
import pickle

import pytest

from registry.archive.archive import check_archive
from registry.errors import ArchiveRefused
from tests.registry.sample_checkpoint import repack

OWN_CODE = "code/__torch__/tests/registry/sample_checkpoint.py"


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
