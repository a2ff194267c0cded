"""The choice of modes, and the record of both."""

from __future__ import annotations

import pytest

from tests.train.sample_scans import (
    EMPTY,
    LARGE,
    LIVER,
    label_reading_network,
    reading_segmenter,
    write_dataset,
)
from train.data.dataset import DatasetFolder
from train.errors import TrainError
from train.evaluation.models import Model
from train.evaluation.modes import Modes, joint_record, score_all
from train.evaluation.protocol import Protocol
from train.evaluation.scans import scans_of


def folder_of(path, slices, name="squares"):
    scans = {"a": {"split": "val", "slices": slices}, "b": {"split": "train", "slices": {0: LIVER}}}
    return DatasetFolder.open(write_dataset(path, scans, name=name))


def names(modes):
    return [protocol.mode for protocol in modes.protocols]


def test_both_modes_are_scored_where_scans_have_several_slices(tmp_path):
    several, single = folder_of(tmp_path / "s", {0: LARGE, 1: LIVER}), folder_of(tmp_path / "o", {0: LARGE})
    assert names(Modes.of(None, Protocol(), [single, several])) == ["slice", "volume"]
    assert names(Modes.of(None, Protocol(), [single])) == ["slice"]
    assert names(Modes.of(None, Protocol(context=False), [several])) == ["slice"]
    assert names(Modes.of(None, Protocol(flips=True), [several])) == ["slice"]
    assert names(Modes.of("volume", Protocol(), [single])) == ["volume"]
    with pytest.raises(TrainError, match="neighbouring slices cannot be hidden"):
        Modes.of("both", Protocol(context=False), [several])


def test_the_record_of_volumes_is_part_of_that_of_slices(tmp_path):
    folder = folder_of(tmp_path / "s", {0: LARGE, 1: LIVER, 2: EMPTY})
    model = Model("x", label_reading_network(0.9), 1, 0.5, {}, reading_segmenter())
    modes = Modes.of(None, Protocol(), [folder])
    results = modes.results(list(score_all(scans_of(folder, "val"), model, modes, snapshots=True)))
    assert [[score.mode for score in result.scores] for result in results] == [["slice"], ["volume"]]
    assert results[0].scores[0].snapshots and not results[1].scores[0].snapshots
    record = joint_record(results, "x", {})
    assert record["mode"] == record["protocol"]["mode"] == "slice"
    assert record["volumes"]["mode"] == record["volumes"]["protocol"]["mode"] == "volume"


def test_volumes_are_left_out_where_no_scan_is_one_unless_they_were_asked_for(tmp_path):
    folder = folder_of(tmp_path / "s", {0: LARGE[:48], 1: LIVER[:48]})
    model = Model("x", label_reading_network(0.9), 1, 0.5, {}, reading_segmenter())
    for asked, count in ((None, 1), ("both", 2)):
        modes = Modes.of(asked, Protocol(), [folder])
        results = modes.results(list(score_all(scans_of(folder, "val"), model, modes)))
        assert len(results) == count
