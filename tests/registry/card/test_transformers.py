"""The card's section on transformers, and what the front matter says of it."""

from __future__ import annotations

import pytest

from registry import InputSpec, Manifest, WindowSpec
from registry.card.card import card_style, model_card
from registry.card.check import check_hub_card
from registry.card.front_matter import base_models, split_front_matter
from registry.card.transformers import snippet
from registry.errors import ManifestInvalid
from tests.registry.sample_checkpoint import FILE_RECORDS, manifest_for


def test_the_section_says_how_to_open_the_checkpoint_and_what_that_lacks() -> None:
    extra = {"calibration": {"method": "platt", "slope": 1.0, "shift": 0.1, "dataset": "d", "split": "val",
                             "scans": 2}, "lesion_model": {"method": "logistic regression"}}  # fmt: skip
    card = model_card(manifest_for(extra=extra), transformers=True)
    front, text = split_front_matter(card)
    assert front["library_name"] == "transformers" and front["pipeline_tag"] == "image-segmentation"
    section = text.split("## transformers")[1].split("\n## ")[0]
    assert "CT window 40/400 HU" in section and "-160 HU and less is 0, 240 HU and more is 255" in section
    for lacking in ("the calibration", "window", "rules for volumes", "lesion model", "doubts"):
        assert lacking in section.split("It lacks")[1]
    plain = model_card(manifest_for(), transformers=True).split("It lacks")[1]
    assert "calibration" not in plain.split("\n")[0] and "lesion model" not in plain.split("\n")[0]


def test_a_checkpoint_that_transformers_cannot_open_says_so() -> None:
    front, text = split_front_matter(model_card(manifest_for(architecture="nnformer-2d"), transformers=False))
    assert front["library_name"] == "liverseg"
    assert "does not open in Hugging Face's transformers: it has no nnformer-2d." in text
    spec = InputSpec("slices", 5, (WindowSpec(40, 400),), 64)
    text = model_card(manifest_for(input=spec), transformers=False)
    assert "pictures of three channels in one CT window" in text and "from transformers" not in text


@pytest.mark.parametrize(
    ("context_slices", "registry", "lines"),
    [
        (1, None, ['"tiny")  # the folder', '.convert("RGB")', "(hu + 160) / 400", "(rows, columns)\n"]),
        (3, "hf://lab", ['"lab/tiny", revision="1.0.0")\n', "the slice below, the slice, the slice above"]),
    ],
)
def test_the_snippet_names_window_slices_and_place(context_slices, registry, lines) -> None:
    spec = InputSpec("slices", context_slices, (WindowSpec(40, 400),), 64)
    code = snippet(manifest_for(input=spec), registry)
    compile(code, "card", "exec")
    assert all(line in code for line in lines)


def test_the_snippets_size_is_that_of_the_network() -> None:
    """The expression in the snippet, against the rule of `train.models.graph.working_shape`."""
    from train.models.graph import working_shape

    line = next(line for line in snippet(manifest_for(), None).splitlines() if line.startswith("width"))
    for width, height in [(512, 512), (512, 300), (411, 300), (288, 640), (2048, 64), (500, 499)]:
        names = {"longer": max(width, height), "picture": type("P", (), {"size": (width, height)})}
        exec(line, names)
        assert [names["height"], names["width"]] == working_shape(height, width, 64)


def test_older_cards_are_recognised_and_keep_their_text() -> None:
    manifest = manifest_for()
    for style in (None, False, True):
        for picture in (None, "overview.png"):
            card = model_card(manifest, picture=picture, transformers=style)
            assert card_style(card, manifest, "overview.png") == {"transformers": style}
            check_hub_card(card, manifest)
    assert card_style(model_card(manifest) + "More.\n", manifest) is None
    assert "transformers" not in model_card(manifest)


def started_from(*names: str, **extra: str) -> Manifest:
    weights = [{"name": name, "licence": "free"} for name in names]
    return manifest_for(training=manifest_for().training | {"start_weights": weights}, extra=extra)


def test_the_base_model_is_a_model_of_the_hub() -> None:
    assert base_models(manifest_for()) == []
    assert base_models(started_from("nvidia/mit-b0", "folder")) == ["nvidia/mit-b0"]
    fast = started_from("nvidia/mit-b0", base_model="segformer-b0")
    assert base_models(fast, "hf://lab") == ["lab/segformer-b0"]
    assert base_models(started_from(base_model="segformer-b0")) == []  # the owner is unknown
    front, _ = split_front_matter(model_card(fast, registry="hf://lab", transformers=True))
    assert front["base_model"] == "lab/segformer-b0"
    with pytest.raises(ManifestInvalid, match="base_model"):
        manifest_for(extra={"base_model": "a/b/c"}).with_files(FILE_RECORDS).check()


def test_only_datasets_of_the_hub_are_listed() -> None:
    training = manifest_for().training
    front, _ = split_front_matter(model_card(manifest_for(), transformers=True))
    assert "datasets" not in front
    known = training["datasets"][0] | {"hub_id": "somebody/lits"}
    manifest = manifest_for(training=training | {"datasets": [training["datasets"][0], known]})
    front, _ = split_front_matter(model_card(manifest, transformers=False))
    assert front["datasets"] == ["somebody/lits"]
    manifest.with_files(FILE_RECORDS).check()
