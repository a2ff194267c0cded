"""`python -m liverseg examples`: the list, the results, and what cannot be used."""

from __future__ import annotations

import json

import pytest

from liverseg.__main__ import main
from tests.liverseg.app.example_folder import TITLES, write_examples
from tests.liverseg.app.rule_checkpoints import write_registry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    source = write_examples(tmp_path / "source")
    monkeypatch.setenv("LIVERSEG_EXAMPLES", str(source))
    monkeypatch.setenv("LIVERSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(write_registry(tmp_path / "checkpoints")))
    return source


def test_the_examples_are_listed_with_their_licence_and_nothing_is_computed(folder, tmp_path, capsys):
    assert main(["examples"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{TITLES[0]} · CC BY 4.0", f"{TITLES[1]} · CC0"]
    assert not list((tmp_path / "cache").rglob("*.result"))


def test_results_are_prepared_and_compared_with_the_truth(folder, tmp_path, capsys):
    assert main(["examples", "--prepare"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(TITLES[0]) and " of 2 lesions found, " in first
    assert "Dice against the truth: liver 0." in first and second.startswith(TITLES[1])
    assert len(list((tmp_path / "cache" / "examples" / "results").iterdir())) == 2


def test_a_bad_entry_is_named_and_the_status_is_1(folder, capsys):
    entries = json.loads((folder / "examples.json").read_text())["examples"]
    (folder / "examples.json").write_text(json.dumps([{"title": "No file", "licence": "CC0"}, *entries]))
    assert main(["examples"]) == 1
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 2 and 'Example 1 ("No file")' in printed.err
