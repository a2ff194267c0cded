from __future__ import annotations

import json
from typing import Any

import pytest

from registry import Manifest, ManifestInvalid
from registry.schema import MAX_MANIFEST_BYTES
from tests.registry.sample_checkpoint import manifest_dict


def json_with(path: str, value: Any) -> str:
    data = json.loads(json.dumps(manifest_dict()))
    *parents, last = path.split(".")
    node: Any = data
    for key in parents:
        node = node[int(key) if key.isdigit() else key]
    node[last] = value
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
        Manifest.from_json(json_with(path, value) if ".../" not in path else json_with_file("../model.pt"))
    text = str(refusal.value)
    assert "\n" not in text and "\x1b" not in text and len(text) < 400
    if path != "schema":
        assert path.split(".")[0] in text


def json_with_file(name: str) -> str:
    data = manifest_dict()
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
def test_a_file_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(ManifestInvalid, match="files"):
        Manifest.from_json(json_with_file(name))


@pytest.mark.parametrize("key", sorted(k for k in manifest_dict() if k not in ("title", "tumour_threshold")))
def test_every_required_key_is_checked(key: str) -> None:
    data = manifest_dict()
    del data[key]
    with pytest.raises(ManifestInvalid, match=key):
        Manifest.from_json(json.dumps(data))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000]
    + [b" " * (MAX_MANIFEST_BYTES + 1)],
    ids=["empty", "cut", "list", "null", "utf-16", "nan", "twice", "deep", "large"],
)
def test_a_text_that_is_not_a_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="^The manifest"):
        Manifest.from_json(text)


def test_a_volume_with_context_slices_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="context_slices"):
        Manifest.from_json(
            json_with("input.kind", "volume").replace('"context_slices": 1', '"context_slices": 3')
        )


def test_a_later_schema_asks_the_user_to_update() -> None:
    with pytest.raises(ManifestInvalid, match="update liverseg"):
        Manifest.from_json(json_with("schema", "liverseg-checkpoint/2"))
