"""`python -m train transformers`."""

from __future__ import annotations

import json
from types import SimpleNamespace

from train.__main__ import main
from train.errors import TrainError


def test_the_files_are_printed_and_a_refusal_is_one_line(monkeypatch, tmp_path, capsys):
    files = {"model.pt": None, "config.json": None}
    folders = []

    def add(folder):
        folders.append(folder)
        if folder.name == "nnformer":
            raise TrainError("transformers cannot run it.")
        return SimpleNamespace(ref="b0@1.0.0", manifest=SimpleNamespace(files=files))

    monkeypatch.setattr("train.export.transformers_layout.add_transformers_layout", add)
    assert main(["transformers", str(tmp_path / "b0")]) == 0
    assert json.loads(capsys.readouterr().out) == {"ref": "b0@1.0.0", "files": ["config.json", "model.pt"]}
    assert main(["transformers", str(tmp_path / "nnformer")]) == 1
    assert capsys.readouterr().err == "transformers cannot run it.\n"
    assert folders == [tmp_path / "b0", tmp_path / "nnformer"]
