"""`python -m train results`."""

from __future__ import annotations

import shutil
from pathlib import Path

import train
from registry import open_registries
from train.__main__ import main

PACKAGE = Path(train.__file__).parent
RECORDS = PACKAGE / "results" / "data"


def test_the_page_lists_the_given_registry_and_the_given_records(tmp_path, capsys):
    shelf, records, out = tmp_path / "shelf", tmp_path / "records", tmp_path / "page.md"
    source = open_registries("bundled").find("segformer-b0")
    shutil.copytree(source.folder, shelf / "segformer-b0")
    records.mkdir()
    shutil.copy(RECORDS / "ablations.json", records)
    (records / "notes.md").write_text("Only these notes.\n")
    assert main(["results", "--registry", str(shelf), "--records", str(records), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    page = out.read_text(encoding="utf-8")
    assert f"`{source.ref}`" in page and "`segformer-b0-fast@" not in page
    assert "\n\nOnly these notes.\n\n" in page and "folds by scan" not in page


def test_a_cross_validation_without_its_text_is_refused(tmp_path, capsys):
    records = shutil.copytree(RECORDS, tmp_path / "records")
    text = min(records.glob("crossvalidation-*.md"))
    text.unlink()
    assert main(["results", "--records", str(records), "--out", str(tmp_path / "page.md")]) == 1
    assert capsys.readouterr().err == f"{text} cannot be read: No such file or directory.\n"
    assert not (tmp_path / "page.md").exists()
