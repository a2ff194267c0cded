from __future__ import annotations

import json

import pytest

from registry import InputSpec, Manifest, ManifestInvalid, WindowSpec
from tests.registry.sample_checkpoint import FILE_RECORDS, manifest_dict, manifest_for


def test_a_manifest_written_and_read_again_is_equal() -> None:
    manifest = manifest_for().with_files(FILE_RECORDS)
    assert Manifest.from_json(manifest.to_json()) == manifest
    spec = InputSpec("volume", 1, (WindowSpec(60.5, 200), WindowSpec(40, 400)), 128, (2.5, 0.8, 0.8))
    volume = manifest_for(input=spec, title="", tumour_threshold=0.35).with_files(FILE_RECORDS)
    again = Manifest.from_json(volume.to_json().encode())
    assert again == volume
    assert again.input.spacing_mm == (2.5, 0.8, 0.8)


def test_unknown_keys_are_kept() -> None:
    data = manifest_dict(intended_use={"body_part": "liver"})
    data["input"]["orientation"] = "radiological"
    manifest = Manifest.from_json(json.dumps(data))
    assert manifest.extra == {"intended_use": {"body_part": "liver"}}
    assert manifest.input.extra == {"orientation": "radiological"}
    assert json.loads(manifest.to_json()) == data


def test_optional_keys_have_defaults() -> None:
    data = manifest_dict()
    del data["title"], data["tumour_threshold"]
    manifest = Manifest.from_json(json.dumps(data))
    assert (manifest.title, manifest.tumour_threshold) == ("", 0.5)


def test_the_headline_is_the_pooled_dice_of_the_first_entry() -> None:
    headline = manifest_for().headline()
    assert (headline["liver"], headline["tumour"], headline["tumour_n"]) == (0.9241, 0.285, 4)
    assert headline["protocol"] == "all slices of 5 scans at 512 x 512"
    assert manifest_for(metrics=[]).headline()["liver"] is None
    per_case = [{"dataset": "d", "split": "s", "protocol": "p", "values": {"dice_per_case": {}}}]
    assert manifest_for(metrics=per_case).headline()["tumour"] is None


def test_a_value_that_json_cannot_represent_is_refused() -> None:
    values = {"dice_global": {"liver": {"value": float("nan"), "n": 5}}}
    metrics = [{"dataset": "LiTS", "split": "val", "protocol": "p", "values": values}]
    with pytest.raises(ManifestInvalid, match="NaN"):
        manifest_for(metrics=metrics).with_files(FILE_RECORDS).check()
