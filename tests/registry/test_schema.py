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


TERM = {"feature": "slices", "transform": "log", "centre": 0.7, "scale": 0.5, "coefficient": -1.5}
POINT = {"cut": 0.3, "recall": 0.8, "precision": None, "false_per_scan": 2.5}
REGRESSION = {
    "intercept": 0,
    "terms": [TERM],
    "cut": 0.3,
    "least_slices": 2,
    "operating_points": [POINT],
    "scans": 60,
}
RULES = {
    "volume_rules": {
        "search": {"working_size": 192, "margin": 0.04, "scale": 1.0},
        "smoothing": {"sigma_mm": 2.5, "sigma_slices": 0.8},
        "hysteresis": {"seed_probability": 0.6},
    },
    "slice_rules": {"least_body_probability": 0.8},
    "lesion_model": {
        "method": "logistic regression",
        "threshold": 0.3,
        "volume": REGRESSION,
        "slice": {key: REGRESSION[key] for key in ("intercept", "terms", "cut")},
        "auc": 0.91,
    },
}


def with_rules() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(manifest_dict() | RULES))
    return data


def test_rules_for_volumes_and_lesions_are_kept_as_they_are() -> None:
    manifest = Manifest.from_json(json.dumps(with_rules()))
    assert manifest.extra == RULES
    assert json.loads(manifest.to_json()) == with_rules()
    empty = manifest_dict(volume_rules={}, lesion_model={"method": "logistic regression"})
    assert Manifest.from_json(json.dumps(empty)).extra["volume_rules"] == {}


def test_an_unknown_rule_or_method_is_left_to_the_reader() -> None:
    """It refuses the checkpoint and names the rule; to the schema the manifest is valid."""
    data = with_rules()
    data["volume_rules"]["watershed"] = {"depth": 3}
    data["lesion_model"]["method"] = "random forest"
    data["lesion_model"]["volume"]["terms"][0]["feature"] = "mean_hu"
    assert Manifest.from_json(json.dumps(data)).extra["volume_rules"]["watershed"] == {"depth": 3}


MODEL_AT = "lesion_model.volume."


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("slice_rules", None),
        ("slice_rules.least_body_probability", 1),
        ("slice_rules.least_body_probability", "high"),
        ("lesion_model.volume.least_slices", 0),
        ("volume_rules", None),
        ("volume_rules", {f"rule{n}": {} for n in range(17)}),
        ("volume_rules", {"x" * 65: {}}),
        ("volume_rules.search", {"working_size": 192, "margin": 0.04}),
        ("volume_rules.search.working_size", 16),
        ("volume_rules.search.working_size", 100_000),
        ("volume_rules.search.working_size", 192.5),
        ("volume_rules.search.margin", -0.1),
        ("volume_rules.search.scale", 0),
        ("volume_rules.search.scale", 100),
        ("volume_rules.smoothing.sigma_mm", 0),
        ("volume_rules.smoothing.sigma_slices", "wide"),
        ("volume_rules.hysteresis", None),
        ("volume_rules.hysteresis.seed_probability", 1.1),
        ("lesion_model", []),
        ("lesion_model.method", ""),
        ("lesion_model", {"volume": REGRESSION}),
        ("lesion_model.threshold", 2),
        (MODEL_AT + "intercept", 1e300),
        (MODEL_AT + "terms", []),
        (MODEL_AT + "terms", [TERM] * 65),
        (MODEL_AT + "terms.0.scale", 0),
        (MODEL_AT + "terms.0.scale", -1),
        (MODEL_AT + "terms.0.coefficient", True),
        (MODEL_AT + "terms.0.feature", "x" * 129),
        (MODEL_AT + "terms.0", {"feature": "slices"}),
        (MODEL_AT + "cut", 1.5),
        (MODEL_AT + "operating_points", [POINT] * 102),
        (MODEL_AT + "operating_points.0.recall", None),
        (MODEL_AT + "operating_points.0.precision", 1.2),
        (MODEL_AT + "operating_points.0.false_per_scan", -1),
        ("lesion_model.slice", {"intercept": 0, "terms": [TERM]}),
    ],
)
def test_rules_out_of_bounds_are_refused_in_one_sentence(path: str, value: Any) -> None:
    data = with_rules()
    *parents, last = path.split(".")
    node: Any = data
    for key in parents:
        node = node[int(key) if key.isdigit() else key]
    node[int(last) if last.isdigit() else last] = value
    with pytest.raises(ManifestInvalid) as refusal:
        Manifest.from_json(json.dumps(data))
    text = str(refusal.value)
    assert path.split(".")[0] in text and "\n" not in text and len(text) < 400


def test_a_volume_with_context_slices_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="context_slices"):
        Manifest.from_json(
            json_with("input.kind", "volume").replace('"context_slices": 1', '"context_slices": 3')
        )


def test_a_later_schema_asks_the_user_to_update() -> None:
    with pytest.raises(ManifestInvalid, match="update liverseg"):
        Manifest.from_json(json_with("schema", "liverseg-checkpoint/2"))
