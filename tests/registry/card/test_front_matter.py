from __future__ import annotations

import re

import yaml
from huggingface_hub import ModelCard

from registry.card.card import model_card
from tests.registry.sample_checkpoint import manifest_for


def front_and_body(text: str) -> tuple[dict, str]:
    match = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    return yaml.safe_load(match.group(1)), match.group(2)


def test_the_front_matter_has_the_keys_that_the_hub_reads() -> None:
    front, _ = front_and_body(model_card(manifest_for()))
    assert front["license"] == "cc-by-nc-sa-4.0"
    assert front["library_name"] == "liverseg"
    assert front["pipeline_tag"] == "image-segmentation"
    assert {"medical", "ct", "liver", "segformer-b0"} <= set(front["tags"])
    assert front["datasets"] == ["lits"]
    (index,) = front["model-index"]
    (result,) = index["results"]
    assert result["dataset"] == {"type": "lits", "name": "LiTS", "split": "val"}
    assert [(m["name"], m["value"]) for m in result["metrics"]] == [
        ("Dice, pooled over all slices, liver (n = 5)", 0.9241),
        ("Dice, pooled over all slices, tumour (n = 4)", 0.285),
        ("Dice, mean over scans, liver (n = 5)", 0.915),
    ]


def test_the_hub_library_parses_the_front_matter() -> None:
    card = ModelCard(model_card(manifest_for()))
    assert card.data.license == "cc-by-nc-sa-4.0"
    assert [r.metric_value for r in card.data.eval_results] == [0.9241, 0.285, 0.915]
    assert {r.dataset_split for r in card.data.eval_results} == {"val"}


def test_scores_of_volumes_are_named() -> None:
    manifest = manifest_for()
    entry = manifest.metrics[0] | {"mode": "volume"}
    front, _ = front_and_body(model_card(manifest_for(metrics=[entry])))
    names = [m["name"] for m in front["model-index"][0]["results"][0]["metrics"]]
    assert names[0] == "Dice, pooled over all slices, liver, volumes (n = 5)"
