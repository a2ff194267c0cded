from __future__ import annotations

import json
from typing import Any

import pytest

from registry import FileRecord, InputSpec, Manifest, ManifestInvalid, WindowSpec
from registry.schema import MAX_MANIFEST_BYTES
from tests.registry.sample_checkpoint import manifest_for

FILES = {"model.pt": FileRecord("ab" * 32, 123)}


def as_dict(**changes: Any) -> dict[str, Any]:
    return manifest_for().with_files(FILES).to_dict() | changes


def test_a_manifest_survives_the_round_trip() -> None:
    manifest = manifest_for().with_files(FILES)
    assert Manifest.from_json(manifest.to_json()) == manifest
    spec = InputSpec("volume", 1, (WindowSpec(60.5, 200), WindowSpec(40, 400)), 128, (2.5, 0.8, 0.8))
    volume = manifest_for(input=spec, title="", tumour_threshold=0.35).with_files(FILES)
    again = Manifest.from_json(volume.to_json().encode())
    assert again == volume
    assert again.input.spacing_mm == (2.5, 0.8, 0.8)


def test_keys_of_a_later_version_are_ignored_and_kept() -> None:
    data = as_dict(intended_use={"body_part": "liver"})
    data["input"]["orientation"] = "radiological"
    manifest = Manifest.from_json(json.dumps(data))
    assert manifest.extra == {"intended_use": {"body_part": "liver"}}
    assert manifest.input.extra == {"orientation": "radiological"}
    assert json.loads(manifest.to_json()) == data


def test_what_may_be_left_out_has_a_default() -> None:
    data = as_dict()
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


def broken(path: str, value: Any) -> str:
    data = json.loads(json.dumps(as_dict()))
    *parents, last = path.split(".")
    place: Any = data
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "something-else/1"),
        ("schema", "liverseg-checkpoint/2"),
        ("name", "../b0"),
        ("name", "tiny\n"),
        ("name", 3),
        ("version", "latest"),
        ("version", "1..0"),
        ("classes", ["background", "tumour", "liver"]),
        ("input.kind", "pictures"),
        ("input.context_slices", 2),
        ("input.context_slices", True),
        ("input.windows", []),
        ("input.windows", [{"center_hu": 40, "width_hu": 0}]),
        ("input.working_size", 0),
        ("input.working_size", 256.5),
        ("input.spacing_mm", [1, 1]),
        ("input.spacing_mm", [1, 0, 1]),
        ("tumour_threshold", 0),
        ("tumour_threshold", 1.5),
        ("files", {}),
        ("files", {"model.pt": {"sha256": "AB" * 32, "bytes": 1}}),
        ("files", {"model.pt": {"sha256": "ab" * 32, "bytes": -1}}),
        ("files.../model.pt", {"sha256": "ab" * 32, "bytes": 1}),
        ("metrics.0.values", {"dice_global": {"liver": {"value": 1.2, "n": 1}}}),
        ("metrics.0.values", {"dice_global": {"liver": {"value": 0.9}}}),
        ("metrics.0.values", {"dice_global": 0.9}),
        ("training.datasets", []),
        ("training.samples_seen", "many"),
        ("title", "two\nlines"),
        ("title", "colour \x1b[31m"),
        ("licence", ""),
        ("created", "yesterday"),
        ("created", "2026-13-01T00:00:00Z"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused_in_one_sentence(path: str, value: Any) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        Manifest.from_json(broken(path, value) if ".../" not in path else traversal("../model.pt"))
    text = str(refusal.value)
    assert "\n" not in text and "\x1b" not in text and len(text) < 400
    if path != "schema":
        assert path.split(".")[0] in text


def traversal(name: str) -> str:
    data = as_dict()
    data["files"][name] = {"sha256": "ab" * 32, "bytes": 1}
    return json.dumps(data)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        ".",
        ".hidden",
        "",
        "manifest.json",
        "C:x",
        "x\n",
        "\0",
        "ä",
    ],
)
def test_a_file_name_that_is_not_plain_is_refused(name: str) -> None:
    with pytest.raises(ManifestInvalid, match="files"):
        Manifest.from_json(traversal(name))


@pytest.mark.parametrize("key", sorted(k for k in as_dict() if k not in ("title", "tumour_threshold")))
def test_every_other_key_is_needed(key: str) -> None:
    data = as_dict()
    del data[key]
    with pytest.raises(ManifestInvalid, match=key):
        Manifest.from_json(json.dumps(data))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000]
    + [b" " * (MAX_MANIFEST_BYTES + 1)],
    ids=["empty", "cut", "list", "null", "utf-16", "nan", "twice", "deep", "large"],
)
def test_a_text_that_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="^The manifest"):
        Manifest.from_json(text)


def test_a_volume_has_one_channel() -> None:
    with pytest.raises(ManifestInvalid, match="context_slices"):
        Manifest.from_json(
            broken("input.kind", "volume").replace('"context_slices": 1', '"context_slices": 3')
        )


def test_a_manifest_of_a_later_schema_says_to_update() -> None:
    with pytest.raises(ManifestInvalid, match="update liverseg"):
        Manifest.from_json(broken("schema", "liverseg-checkpoint/2"))


def test_what_json_cannot_hold_is_refused_when_building() -> None:
    values = {"dice_global": {"liver": {"value": float("nan"), "n": 5}}}
    metrics = [{"dataset": "LiTS", "split": "val", "protocol": "p", "values": values}]
    with pytest.raises(ManifestInvalid, match="NaN"):
        manifest_for(metrics=metrics).with_files(FILES).check()
