"""Lists of examples: which entries are valid, and what is said about the others."""

from __future__ import annotations

import json

import pytest

from liverseg.app.state.example_list import MAX_EXAMPLES, parse_list, read_folder
from liverseg.core.window import Window
from liverseg.errors import UnreadableInput

GOOD = {"title": "A liver", "file": "ct.nii.gz", "licence": "CC BY 4.0"}


def parsed(*entries: object):
    return parse_list(json.dumps({"examples": entries}).encode(), "examples.json", lambda name: (name,))


def test_a_folder_with_a_list_in_json_or_toml_names_its_files(tmp_path):
    (tmp_path / "scans" / "series").mkdir(parents=True)
    for name in ("ct.nii.gz", "labels.nii.gz", "series/2.dcm", "series/1.dcm"):
        (tmp_path / "scans" / name).write_bytes(b"x")
    (tmp_path / "examples.toml").write_text(
        """[[examples]]
title = "Three metastases"
file = "scans/ct.nii.gz"
truth = "scans/labels.nii.gz"
licence = "CC BY-SA 4.0"
citation = "A. Author, 2023"
source = "https://example.org/data"
window = [60, 200]

[[examples]]
title = "A series"
file = "scans/series"
licence = "CC0"
series = 2
"""
    )
    found = read_folder(tmp_path)
    first, second = found.examples
    assert not found.problems
    assert (first.title, first.licence, first.citation) == (
        "Three metastases",
        "CC BY-SA 4.0",
        "A. Author, 2023",
    )
    assert first.source == "https://example.org/data" and first.window == Window(60, 200)
    assert first.fetch().sources == (str((tmp_path / "scans" / "ct.nii.gz").resolve()),)
    assert first.fetch().truth == str((tmp_path / "scans" / "labels.nii.gz").resolve())
    assert [path[-5:] for path in second.fetch().sources] == ["1.dcm", "2.dcm"] and second.series == 2
    assert first.key != second.key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"licence": ""}, 'it has no "licence"'),
        ({"file": None}, 'it has no "file"'),
        ({"license": "MIT"}, 'the key "license" is unknown'),
        ({"file": "../ct.nii.gz"}, '"file" must be a path below the folder'),
        ({"file": "/etc/ct.nii.gz"}, '"file" must be a path below the folder'),
        ({"truth": "a/../../b.png"}, '"truth" must be a path below the folder'),
        ({"source": "javascript:alert(1)"}, '"source" must be an address'),
        ({"window": [40]}, '"window" must be the centre and the width'),
        ({"window": [40, -1]}, '"window" must be the centre and the width'),
        ({"series": 0}, '"series" must be a whole number from 1'),
        ({"title": "x" * 61}, "its title has more than 60 characters"),
        ({"citation": 3}, '"citation" must be a text'),
    ],
)
def test_a_bad_entry_is_named_and_left_out(change, reason):
    found = parsed(GOOD, {**GOOD, **change}, {**GOOD, "title": "Another"})
    assert [one.title for one in found.examples] == ["A liver", "Another"]
    (problem,) = found.problems
    assert problem.startswith("Example 2") and reason in problem and "left out" in problem


def test_entries_that_are_no_tables_and_too_many_are_left_out():
    found = parsed("ct.nii.gz", *[GOOD] * (MAX_EXAMPLES + 3))
    assert len(found.examples) == MAX_EXAMPLES and len(found.problems) == 2
    assert "Example 1 of examples.json" in found.problems[0] and "more than" in found.problems[1]


@pytest.mark.parametrize("content", ["{", '{"examples": 3}', "3", "[" * 100_000])
def test_a_list_that_cannot_be_used_is_refused(content):
    with pytest.raises(UnreadableInput, match=r"examples\.json"):
        parse_list(content.encode(), "examples.json", lambda name: (name,))


def test_a_folder_without_a_list_is_refused_and_so_are_files_outside(tmp_path):
    with pytest.raises(UnreadableInput, match=r"examples\.json or examples\.toml"):
        read_folder(tmp_path)
    (tmp_path / "list").mkdir()
    (tmp_path / "secret.nii.gz").write_bytes(b"x")
    (tmp_path / "list" / "link.nii.gz").symlink_to(tmp_path / "secret.nii.gz")
    entries = [{**GOOD, "file": "link.nii.gz"}, GOOD]
    (tmp_path / "list" / "examples.json").write_text(json.dumps(entries))
    linked, missing = read_folder(tmp_path / "list").examples
    with pytest.raises(UnreadableInput, match="leads out of the folder"):
        linked.fetch()
    with pytest.raises(UnreadableInput, match="There is no file"):
        missing.fetch()
