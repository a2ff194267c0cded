"""The tables of the registry's checkpoints."""

from __future__ import annotations

from dataclasses import replace

from registry import open_registries
from train.results.checkpoints import calibration_table, checkpoints_table, protocol_list, scores_table


def test_each_checkpoint_and_evaluation_has_a_row():
    checkpoints = open_registries("bundled").list()
    evaluations = sum(len(checkpoint.manifest.metrics) for checkpoint in checkpoints)
    for table, rows in (
        (checkpoints_table(checkpoints), len(checkpoints)),
        (scores_table(checkpoints), evaluations),
        (calibration_table(checkpoints), len(checkpoints)),
    ):
        header, rule, *body = table.splitlines()
        assert len(body) == rows
        assert {line.count("|") for line in (header, rule, *body)} == {header.count("|")}
    assert calibration_table([]) == ""


def test_scores_name_the_mode_of_entries_that_have_one():
    (stored,) = [c for c in open_registries("bundled").list() if c.manifest.name == "segformer-b0"]
    first = stored.manifest.metrics[0]
    named = [{key: value for key, value in first.items() if key != "mode"}, first | {"mode": "volume"}]
    both = replace(stored, manifest=replace(stored.manifest, metrics=named))
    older, volumes = scores_table([both]).splitlines()[2:]
    split = f"| {first['dataset']}, {first['split']}"
    assert f"{split} |" in older and f"{split}, volumes |" in volumes
    (line,) = protocol_list([both])
    assert f"{first['split']}, volumes: " in line
