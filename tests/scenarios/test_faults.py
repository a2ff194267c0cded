"""Killed processes, full disks and read-only folders: files stay complete, and errors are one sentence."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import liverseg
from fuzzing.seeds import of_kind
from fuzzing.segmenters import rule
from liverseg.errors import InvalidSetting
from liverseg.io.files import staging_folder
from liverseg.io.write import write_results
from registry import files as registry_files
from registry.files import temporary_folder
from registry.folder import FolderRegistry, open_checkpoint
from registry.registries import BUNDLED_FOLDER
from registry.write_checkpoint import write_checkpoint

ROOT = Path(__file__).parents[2]

WRITING = """
import sys, time
from pathlib import Path
from liverseg.io.files import staging_folder
with staging_folder(Path(sys.argv[1])) as stage:
    (stage / "labels.nii.gz").write_text("half")
    (stage / "report.json").write_text("new")
    print("WRITTEN", flush=True)
    time.sleep(60)
"""

REPLACING = """
import sys, time, os
from pathlib import Path
from registry import write_checkpoint as writing
def wait_forever(source, target):
    print("WRITTEN", flush=True)
    time.sleep(60)
writing._move_into_place = wait_forever
folder = Path(sys.argv[1])
checkpoint = writing.open_checkpoint(folder, "")
files = {name: (folder / name).read_bytes() for name in checkpoint.manifest.files}
files["metrics.csv"] += b"val-3,1,0.5,0.5\\n"
writing.write_checkpoint(folder, checkpoint.manifest, files, replace=True)
"""


def kill_while(code: str, folder: Path) -> None:
    """Runs code on a folder and kills the process once it has printed WRITTEN."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "WRITTEN\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def hidden(folder: Path) -> list[str]:
    """Names of the hidden entries of a folder, such as temporary folders."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_the_next_run_removes_the_temporary_folder_of_a_killed_one(tmp_path, monkeypatch):
    (tmp_path / "report.json").write_text("old")
    kill_while(WRITING, tmp_path)
    assert (tmp_path / "report.json").read_text() == "old" and len(hidden(tmp_path)) == 1
    monkeypatch.setattr(registry_files, "_YOUNG_S", 0.0)
    with staging_folder(tmp_path) as stage:
        assert hidden(tmp_path) == [stage.name], "only the folder of this run is left"
        (stage / "report.json").write_text("new")
        with staging_folder(tmp_path):
            assert len(hidden(tmp_path)) == 2, "the folder of a running process is kept"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_only_temporary_folders_of_liverseg_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(registry_files, "_YOUNG_S", 0.0)
    kept = [".liverseg-notes", ".liverseg-0123456789ab.bak", "liverseg-0123456789ab"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".liverseg-0123456789ab").symlink_to(tmp_path / "elsewhere")
    with temporary_folder(tmp_path, ".liverseg-"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "elsewhere", ".liverseg-0123456789ab"}


def test_a_killed_export_leaves_the_old_checkpoint_unchanged(tmp_path, monkeypatch):
    folder = tmp_path / "b0"
    shutil.copytree(BUNDLED_FOLDER / "segformer-b0", folder)
    before = (folder / "manifest.json").read_bytes()
    kill_while(REPLACING, folder)
    assert (folder / "manifest.json").read_bytes() == before
    checkpoint = open_checkpoint(folder, "")
    assert [listed.ref for listed in FolderRegistry(tmp_path, "r").list().checkpoints] == [checkpoint.ref]
    assert len(hidden(tmp_path)) == 1
    monkeypatch.setattr(registry_files, "_YOUNG_S", 0.0)
    files = {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}
    files["metrics.csv"] += b"\n"
    written = write_checkpoint(folder, checkpoint.manifest, files, replace=True)
    assert hidden(tmp_path) == [] and written.read_verified("metrics.csv").endswith(b"\n\n")
    assert folder.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "no space left on device"), (errno.EROFS, "read-only file system")]
)
def test_a_failed_write_is_one_sentence_and_keeps_the_old_results(number, reason, tmp_path, monkeypatch):
    path = tmp_path / "ct.png"
    path.write_bytes(of_kind("picture")[0].data)
    ct = liverseg.read(path)
    seg = rule().segment(ct)
    report = liverseg.measure(ct, seg)
    out = tmp_path / "out"
    write_results(out, ct, seg, report)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    write = Path.write_bytes

    def write_and_fail(self, content):
        write(self, content[:10])
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "write_bytes", write_and_fail)
    with pytest.raises(InvalidSetting) as refusal:
        write_results(out, ct, seg, report)
    assert str(refusal.value) == f"The results cannot be written to the output folder: {reason}."
    with pytest.raises(InvalidSetting, match=reason), staging_folder(out) as stage:
        write_results(stage, ct, seg, report)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before, (
        "the earlier results are unchanged, and no other file is there"
    )


def test_a_read_error_in_the_input_is_one_sentence_without_its_path(tmp_path, monkeypatch):
    path = tmp_path / "ct.nii"
    path.write_bytes(of_kind("nifti")[0].data)

    class FailingStream(io.BytesIO):
        def read(self, count=-1):
            raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr("liverseg.io.nifti.read.read_header", lambda stream: FailingStream().read(1))
    with pytest.raises(liverseg.LiversegError) as refusal:
        liverseg.read(path)
    assert str(tmp_path) not in str(refusal.value) and str(refusal.value).endswith(".")
