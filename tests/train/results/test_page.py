"""The results page in the repository and its records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import train
from registry import open_registries
from train.__main__ import main

PACKAGE = Path(train.__file__).parent


RECORDS = PACKAGE / "results" / "data"


def test_the_page_in_the_repository_is_what_the_command_writes(tmp_path, capsys):
    out = tmp_path / "RESULTS.md"
    assert main(["results", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    written = (PACKAGE / "RESULTS.md").read_text(encoding="utf-8")
    assert out.read_text(encoding="utf-8") == written, "run python -m train results"
    for checkpoint in open_registries("bundled").list():
        assert checkpoint.ref in written
        assert f"{checkpoint.manifest.training['samples_seen']:,}" in written


def test_the_pooled_dice_of_cross_validations_follows_from_their_scans():
    records = [json.loads(path.read_text()) for path in RECORDS.glob("crossvalidation-*.json")]
    assert records
    for record in records:
        scans = [scan["scan"] for scan in record["scans"]]
        assert len(scans) == len(set(scans)) == record["n"]["scans"]
        assert sorted(sum((fold["scans_held_out"] for fold in record["folds"]), [])) == sorted(scans)
        overlap = sum(scan["tumour"]["tp"] for scan in record["scans"])
        total = sum(2 * s["tumour"]["tp"] + s["tumour"]["fp"] + s["tumour"]["fn"] for s in record["scans"])
        pooled = record["summary"]["tumour"]["dice_global"]["value"]
        assert pooled == pytest.approx(2 * overlap / total, abs=1e-4)
