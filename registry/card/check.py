"""Whether a model card is one that the Hub can show and count, and a registry on it can list."""

from __future__ import annotations

import re
from typing import Any

from registry.card.card import HUB_TAG
from registry.errors import PushRefused
from registry.manifest import Manifest
from registry.text import one_line

_FIXED = {"library_name": "liverseg", "pipeline_tag": "image-segmentation"}


def check_hub_card(card: str, manifest: Manifest) -> None:
    """Raises `PushRefused` with the first thing that keeps a card from being published.

    Asked for are the front matter's `license`, `library_name`, `pipeline_tag`, the tag `liverseg`, a
    `model-index` whose results are complete where there is one, and one wherever a Dice was measured.
    """
    front = _front_matter(card)
    if not isinstance(front.get("license"), str):
        raise _refused("names no license")
    for key, value in _FIXED.items():
        if front.get(key) != value:
            raise _refused(f"has not {key}: {value}")
    tags = front.get("tags")
    if not isinstance(tags, list) or HUB_TAG not in tags:
        raise _refused(f"has not the tag {HUB_TAG}, by which registries find it")
    headline = manifest.headline()
    if (headline["liver"], headline["tumour"]) != (None, None) and "model-index" not in front:
        raise _refused("has no model-index with what was measured")
    for entry in front.get("model-index") or []:
        _check_index(entry)


def _front_matter(card: str) -> dict[str, Any]:
    import yaml

    match = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    try:
        front = yaml.safe_load(match.group(1)) if match else None
    except yaml.YAMLError:
        front = None
    if not isinstance(front, dict):
        raise _refused("has no front matter")
    return front


def _check_index(entry: Any) -> None:
    """One model of the `model-index`, as the Hub's specification has it."""
    try:
        results = entry["results"]
        texts = [entry["name"]]
        values = []
        for result in results:
            texts += [result["task"]["type"], result["dataset"]["type"], result["dataset"]["name"]]
            texts += [metric["type"] for metric in result["metrics"]]
            values += [metric["value"] for metric in result["metrics"]]
    except (KeyError, TypeError):
        raise _refused("has a model-index that is not complete") from None
    if not results or not all(isinstance(text, str) and text for text in texts):
        raise _refused("has a model-index that is not complete")
    if not values or not all(isinstance(value, int | float) for value in values):
        raise _refused("has a model-index without numbers")


def _refused(what: str) -> PushRefused:
    return PushRefused(f"The model card {one_line(what)}.")
