"""The notebook that segments a phantom, and what holds for both notebooks."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import liverseg

FOLDER = Path(__file__).parents[3] / "train" / "notebooks"
NOTEBOOK = FOLDER / "liverseg_segment.ipynb"


def test_ten_lines_print_the_main_numbers_and_show_the_overlay(tmp_path, monkeypatch, capsys):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert len([line for line in source.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    *statements, last = ast.parse(source).body
    exec(compile(ast.Module(statements, []), NOTEBOOK.name, "exec"), names)
    picture = eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)  # what Jupyter shows
    report = liverseg.measure(names["ct"], names["seg"])
    printed = capsys.readouterr().out
    assert report.tumour.count > 0 and f"({report.tumour.count} pixels)" in printed
    assert picture.width == 1548 and len(picture.convert("RGB").getcolors(1 << 24)) > 1000


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs(path):
    """Outputs and execution counts would reveal the machine that ran the notebook."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert cell["cell_type"] == "markdown" or (not cell["outputs"] and cell["execution_count"] is None)
