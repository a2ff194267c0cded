"""The settings of a conversion and the default pattern of picture names."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest

from liverseg.core.window import Window
from train.data.intensity import Intensity
from train.data.prepare.labels import LabelMapping
from train.data.prepare.settings import SCAN_PATTERN, ConversionSettings, PrepareSettings
from train.errors import TrainError


@pytest.mark.parametrize(
    "name, scan, index",
    [
        ("volume-10_slice-012", "10", "012"),
        ("scan-0_slice-000", "0", "000"),
        ("patient_7-3", "7", "3"),
        ("case-a-b_14", "a-b", "14"),
        ("liver_5_slice_2", "liver_5", "2"),
        ("28_91", "28", "91"),
    ],
)
def test_the_default_pattern_finds_scan_and_slice_in_a_name(name, scan, index):
    match = re.match(SCAN_PATTERN, name)
    assert (match["scan"], match["index"]) == (scan, index)


@pytest.mark.parametrize("name", ["12", "volume", "volume-10_slice-", "a_b"])
def test_the_default_pattern_refuses_names_without_scan_or_slice(name):
    assert re.match(SCAN_PATTERN, name) is None


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(TrainError, match="from 0 to 1"):
        ConversionSettings(empty_share=share)


def test_shares_of_0_and_1_are_accepted():
    assert [ConversionSettings(empty_share=share).empty_share for share in (0, 1)] == [0, 1]


CHANGES = {
    "intensity": Intensity((Window(60, 200),)),
    "empty_share": 0.5,
    "labels": LabelMapping.parse("0=background,255=liver"),
    "picture_window": Window(60, 200),
    "picture_offset": 1024.0,
    "scan_pattern": r"(?P<scan>\d+)_(?P<index>\d+)",
    "keep_orientation": True,
}


def test_every_setting_of_a_conversion_has_its_own_json_value():
    default = ConversionSettings().to_json()
    assert set(CHANGES) == set(default) == {field.name for field in fields(ConversionSettings)}
    for name, value in CHANGES.items():
        changed = ConversionSettings(**{name: value}).to_json()
        assert {key for key in default if changed[key] != default[key]} == {name}


def test_the_json_values_survive_a_file():
    values = ConversionSettings(**CHANGES).to_json()
    assert json.loads(json.dumps(values)) == values
    assert values["labels"] == [[0, 0], [255, 1]] and values["picture_window"] == [60, 200]


def test_default_shares_add_up_and_are_not_shared_between_settings():
    first, second = PrepareSettings(), PrepareSettings()
    assert sum(first.splitting.shares.values()) == 1
    assert first == second and first.splitting.groups is not second.splitting.groups
