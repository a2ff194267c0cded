"""The training notebook."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from pathlib import Path

import pytest

from liverseg.__main__ import main as liverseg_main
from train.__main__ import main
from train.export import publish

ROOT = Path(__file__).parents[3]


NOTEBOOK = ROOT / "train" / "notebooks" / "liverseg_fit.ipynb"


def test_the_notebook_runs_from_phantoms_to_a_segmentation(tmp_path, monkeypatch, capsys):
    """Every code cell runs; its commands run in this process with tiny settings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    ran = []

    def run_here(command):
        python, dash_m, package, *arguments = shlex.split(command)
        assert (python, dash_m) == (sys.executable, "-m"), command
        ran.append(f"{package} {arguments[0]}")
        if arguments[0] == "prepare":
            arguments += ["--jobs", "1"]
        assert {"train": main, "liverseg": liverseg_main}[package](arguments) == 0, command

    tiny = {
        "SAMPLES": 4,
        "WORKING_SIZE": 64,
        "WORK": tmp_path,
        "PUBLISH_TO": str(tmp_path / "published"),
        "sh": run_here,
        "FIT_OPTIONS": "--option decoder_width=16 --crop 32 --working-range 40 60 --batch 4 --workers 0 "
        "--threads 1 --pictures 1",
    }
    monkeypatch.setenv("LIVERSEG_SOURCE", "phantom:2")
    monkeypatch.setattr(publish, "LABELS_EQUAL", 0.9)  # after four samples many probabilities are ties
    monkeypatch.setenv("LIVERSEG_REGISTRY", "")
    monkeypatch.chdir(ROOT / "train" / "notebooks")
    names: dict = {"__name__": "notebook"}
    with contextlib.redirect_stdout(sys.stderr):
        exec(sources[0], names)
        assert set(tiny) <= set(names)
        names.update(tiny)
        for source in sources[1:]:
            exec(source, names)
    assert ran == [f"train {name}" for name in ("prepare", "fit", "export", "evaluate", "publish")] + [
        "liverseg phantom",
        "liverseg segment",
    ]
    assert len(list((tmp_path / "published").rglob("manifest.json"))) == 1
    assert "report.json" in {path.name for path in (tmp_path / "result").iterdir()}


def test_the_notebook_finds_the_folders_of_kaggle_and_the_decathlon(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = (text for cell in cells if "def find_source" in (text := "".join(cell["source"])))
    names = {"Path": Path}
    exec(source[: source.index("\ndata = ")], names)
    for path in (
        "empty/volume-0.nii",
        "kaggle/lits/volume_pt1/volume-0.nii",
        "kaggle/lits/segmentations/segmentation-0.nii",
        "drive/Task03_Liver/imagesTr/liver_0.nii.gz",
        "drive/Task03_Liver/labelsTr/liver_0.nii.gz",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = names["find_source"]
    assert found((tmp_path / "none", tmp_path / "empty")) == ""
    assert found((tmp_path / "empty", tmp_path / "kaggle")) == str(tmp_path / "kaggle" / "lits")
    for name in ("volume-0_0", "segmentation-0_livermask_0", "segmentation-0_lesionmask_0"):
        path = tmp_path / "pictures" / "lits-png" / "dataset_6" / "dataset_6" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert found((tmp_path / "pictures",)) == str(path.parent)
    assert found((tmp_path / "drive",)) == str(tmp_path / "drive" / "Task03_Liver")


def test_without_scans_the_notebook_stops_instead_of_training_on_phantoms(tmp_path, monkeypatch):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = (text for cell in cells if "def find_source" in (text := "".join(cell["source"])))
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []
    names = {"Path": Path, "WORK": tmp_path, "SOURCE": "", "PICTURE_WINDOW": "60 200", "sh": ran.append}
    monkeypatch.setitem(names, "sys", sys)
    with pytest.raises(SystemExit, match="phantom:300"):
        exec(source.replace('"/kaggle/input", "/content/drive/MyDrive", "/content/data", ', ""), names)
    assert not ran
