"""The options of `python -m train export`."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import save_untrained_run
from train.__main__ import main
from train.export.export import ExportSettings


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "squares", {"1": SCANS["1"]})


@pytest.fixture
def run(tmp_path, data):
    return save_untrained_run(tmp_path / "run", data)


@pytest.fixture
def exports(monkeypatch):
    """The arguments of each call of `export`, which writes nothing here."""
    calls = []

    def export(state, folder, settings, evaluations):
        calls.append((state, folder, settings, [(d.name, split) for d, split in evaluations]))
        manifest = SimpleNamespace(headline=lambda: {"liver": 0.9})
        return SimpleNamespace(ref=f"{settings.name}@{settings.version}", manifest=manifest)

    monkeypatch.setattr("train.export.export.export", export)
    return calls


IDENTITY = ["--name", "b0", "--version", "1.0.0", "--working-size", "448"]


def test_options_become_settings_and_the_reference_is_printed(run, data, tmp_path, exports, capsys):
    out = tmp_path / "checkpoint"
    options = ["--title", "T", "--licence", "MIT", "--context-slices", "5", "--threshold", "0.3"]
    flags = ["--note", "n", "--replace", "--no-calibration", "--base-model", "b0-large"]
    datasets = ["--data", f"{data}:train", "--data", str(data)]
    assert main(["export", str(run), str(out), *IDENTITY, *options, *flags, *datasets]) == 0
    ((state, folder, settings, evaluations),) = exports
    assert state["seen"] == 16 and folder == out
    assert settings == ExportSettings(
        name="b0",
        version="1.0.0",
        title="T",
        licence="MIT",
        working_size=448,
        context_slices=5,
        threshold=0.3,
        note="n",
        replace=True,
        calibrate=False,
        base_model="b0-large",
    )
    assert evaluations == [("squares", "train"), ("squares", "val")]
    assert json.loads(capsys.readouterr().out) == {"ref": "b0@1.0.0", "headline": {"liver": 0.9}}


def test_by_default_the_checkpoint_is_calibrated_and_replaces_no_other(run, data, tmp_path, exports):
    assert main(["export", str(run), str(tmp_path / "c"), *IDENTITY, "--data", f"{data}:"]) == 0
    ((_, _, settings, evaluations),) = exports
    assert settings.calibrate and not settings.replace
    assert settings.threshold is None and settings.context_slices is None
    assert settings.licence == "cc-by-sa-4.0" and evaluations == [("squares", "val")]


def test_a_missing_dataset_or_run_is_refused_before_the_export(run, data, tmp_path, exports, capsys):
    arguments = [str(tmp_path / "c"), *IDENTITY, "--data"]
    assert main(["export", str(run), *arguments, str(tmp_path / "absent")]) == 1
    assert main(["export", str(tmp_path / "absent.pt"), *arguments, str(data)]) == 1
    assert "holds no weights of a run" in capsys.readouterr().err
    for wrong in (["--context-slices", "2"], ["--working-size", "large"]):
        with pytest.raises(SystemExit) as usage:
            main(["export", str(run), *arguments, str(data), *wrong])
        assert usage.value.code == 2
    assert exports == []
