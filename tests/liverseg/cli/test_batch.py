"""`segment` on several inputs, on several series, and interrupted."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest

import liverseg.cli.batch
from liverseg import phantom
from liverseg.__main__ import main
from liverseg.errors import InvalidSetting
from liverseg.inference.segmenter import Segmenter
from liverseg.io.files import staging_folder
from tests.liverseg.app.rule_checkpoints import write_registry

RESULTS = [
    "labels.nii.gz",
    "lesions.nii.gz",
    "overview.png",
    "report.csv",
    "report.json",
    "tumour_probability.nii.gz",
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return write_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture(autouse=True)
def _use_registry(registry, monkeypatch):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(registry))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Two small volumes of one name, a series of DICOM, a text, and a folder of two series."""
    folder = tmp_path_factory.mktemp("inputs")
    made = phantom.make("volume", seed=22, size=96, slices=5)
    for place in ("a", "b"):
        phantom.write(made, folder / place / "ct.nii.gz", "nifti")
    phantom.write(made, folder / "series", "dicom")
    phantom.write(made, folder / "two", "dicom")
    (folder / "two" / "labels.nii.gz").unlink()
    for path in sorted((folder / "two" / "ct").iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.SeriesNumber = "1.2.7", 7
        dataset.save_as(path.with_suffix(".7"))
    (folder / "text.png").write_text("a shopping list, not a picture")
    return folder


@pytest.fixture
def loads(monkeypatch):
    """Every time a checkpoint was loaded."""
    seen = []
    load = Segmenter.load.__func__

    def counted(cls, *args, **options):
        seen.append(args)
        return load(cls, *args, **options)

    monkeypatch.setattr(Segmenter, "load", classmethod(counted))
    return seen


def test_each_of_several_inputs_gets_a_folder_and_the_checkpoint_is_loaded_once(
    inputs, tmp_path, capsys, loads
):
    given = [inputs / "a" / "ct.nii.gz", inputs / "b" / "ct.nii.gz", inputs / "series" / "ct"]
    assert main(["segment", *map(str, given), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and len(loads) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ct", "ct-2", "ct-3"]
    for name in ("ct", "ct-2", "ct-3"):
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == RESULTS
    table = printed.out.strip().splitlines()[-4:]
    assert table[0] == "3 of 3 inputs segmented"
    for name, line in zip(("ct ", "ct-2", "ct-3"), table[1:], strict=True):
        assert line.startswith(f"  {name}") and "mL" in line and "lesion" in line and str(tmp_path) in line


def test_a_refused_input_is_reported_and_the_others_are_segmented(inputs, tmp_path, capsys):
    given = [inputs / "text.png", inputs / "a" / "ct.nii.gz", inputs / "missing.nii"]
    assert main(["segment", *map(str, given), "--out", str(tmp_path / "x")]) == 1
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 2
    assert "1 of 3 inputs segmented" in printed.out and printed.out.count("refused: ") == 2
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["ct"]  # no empty folder for what was refused
    assert "Traceback" not in printed.err


def test_json_of_several_inputs_is_an_array(inputs, capsys):
    given = [inputs / "a" / "ct.nii.gz", inputs / "text.png", inputs / "two"]
    assert main(["segment", *map(str, given), "--json"]) == 1
    done, refused, asked = json.loads(capsys.readouterr().out)
    assert done["input"] == str(given[0]) and done["report"]["liver"]["voxels"] >= 0
    assert done["folder"] is None and "report" not in refused and "text" in refused["error"]
    assert [choice["series_number"] for choice in asked["series"]] == [1, 7]


def test_an_unexpected_error_costs_one_input_only(inputs, capsys, monkeypatch):
    def one(source, folder):
        raise KeyError("MUSTERMANN")

    assert liverseg.cli.batch.segment_all(["a", "b"], None, False, one) == 1
    printed = capsys.readouterr()
    assert printed.err.count("Something went wrong (KeyError).") == 2 and "MUSTER" not in printed.err


def test_a_missing_checkpoint_is_refused_before_any_input(inputs, capsys):
    given = [str(inputs / "a" / "ct.nii.gz")] * 2
    assert main(["segment", *given, "--checkpoint", "nothing"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.strip().splitlines()) == 1


def test_several_series_are_listed_and_one_is_chosen(inputs, tmp_path, capsys):
    assert main(["segment", str(inputs / "two")]) == 1
    printed = capsys.readouterr()
    first, *lines = printed.err.strip().splitlines()
    assert printed.out == "" and "2 CT series (of 5, 5 slices)" in first
    assert [line[:14] for line in lines] == ["  --series 1: ", "  --series 2: "]
    assert "5 axial slices" in lines[0] and lines[1].endswith("series number 7")
    assert "Phantom" not in printed.err and "PHANTOM" not in printed.err  # description, name
    assert main(["segment", str(inputs / "two"), "--series", "2", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "labels.nii.gz").exists()
    assert main(["segment", str(inputs / "two"), "--series", "3"]) == 1
    assert "no CT series 3" in capsys.readouterr().err
    assert main(["segment", str(inputs / "a" / "ct.nii.gz"), "--series", "1"]) == 1


def run_until(command, seen, timeout_s=120):
    """Start a command, send it Ctrl-C once `seen(output so far)`; its status, output and errors."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    os.set_blocking(process.stdout.fileno(), False)
    printed, end = b"", time.monotonic() + timeout_s
    while not seen(printed.decode()) and process.poll() is None and time.monotonic() < end:
        printed += process.stdout.read() or b""
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    os.set_blocking(process.stdout.fileno(), True)
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, (printed + out).decode(), err.decode()


SLOWLY = """
import sys, time, liverseg.io.write
from liverseg.__main__ import main
write = liverseg.io.write.write_results
def slowly(stage, *given):
    written = write(stage, *given)
    if stage.parent.name == "ct-2":
        print("WRITTEN", flush=True)
        time.sleep(60)
    return written
liverseg.io.write.write_results = slowly
sys.exit(main(["segment", *sys.argv[1:]]))
"""


def test_ctrl_c_keeps_complete_and_earlier_results(inputs, tmp_path):
    (tmp_path / "ct-2").mkdir()
    for name in RESULTS:
        (tmp_path / "ct-2" / name).write_text(f"old {name}")
    given = [inputs / "a" / "ct.nii.gz", inputs / "b" / "ct.nii.gz", "--out", tmp_path]
    command = [sys.executable, "-c", SLOWLY, *map(str, given)]
    status, out, err = run_until(command, lambda printed: "WRITTEN" in printed)
    assert "WRITTEN" in out and "inputs segmented" not in out
    assert (status, err) == (130, "Interrupted; no file was left half written.\n")
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == sorted(f"{folder}/{name}" for folder in ("ct", "ct-2") for name in RESULTS)
    assert all((tmp_path / "ct-2" / name).read_text() == f"old {name}" for name in RESULTS)


def test_staged_files_appear_together_or_not_at_all(tmp_path):
    (tmp_path / "report.json").write_text("old")
    with pytest.raises(KeyboardInterrupt), staging_folder(tmp_path) as stage:
        (stage / "report.json").write_text("new")
        raise KeyboardInterrupt
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]
    with staging_folder(tmp_path) as stage:
        (stage / "labels.nii.gz").write_bytes(gzip.compress(b"new"))
        (stage / "report.json").write_text("new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.nii.gz", "report.json"]
    with pytest.raises(InvalidSetting, match="cannot be written"), staging_folder(tmp_path / "missing"):
        raise AssertionError("not reached")


def test_new_files_never_lie_beside_the_report_of_an_earlier_run(tmp_path, monkeypatch):
    (tmp_path / "report.json").write_text("old")
    (tmp_path / "labels.png").write_text("old")
    replace = os.replace

    def interrupted(source, target):
        if Path(target).name == "report.json":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), staging_folder(tmp_path) as stage:
        (stage / "labels.png").write_text("new")
        (stage / "report.json").write_text("new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["new"]
