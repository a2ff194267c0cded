"""Check a model card before it is published: the Hub must show it, and registries must find it."""

from __future__ import annotations

from typing import Any

from registry.card.front_matter import HUB_TAG, split_front_matter
from registry.errors import PushRefused
from registry.manifest import Manifest
from registry.text import one_line

_LIBRARIES = ("liverseg", "transformers")
_PIPELINE_TAG = "image-segmentation"


def check_hub_card(card: str, manifest: Manifest) -> None:
    """Raises `PushRefused` with the first fault of a card.

    The front matter must have `license`, `library_name`, `pipeline_tag` and the tag `liverseg`. It must have
    a `model-index` if the manifest has a pooled Dice, and every result in the index must be complete.
    """
    split = split_front_matter(card)
    if split is None:
        raise _refused("has no front matter")
    front, _ = split
    if not isinstance(front.get("license"), str):
        raise _refused("names no license")
    if front.get("library_name") not in _LIBRARIES:
        raise _refused(f"does not have library_name: {' or '.join(_LIBRARIES)}")
    if front.get("pipeline_tag") != _PIPELINE_TAG:
        raise _refused(f"does not have pipeline_tag: {_PIPELINE_TAG}")
    tags = front.get("tags")
    if not isinstance(tags, list) or HUB_TAG not in tags:
        raise _refused(f"does not have the tag {HUB_TAG}, by which registries find it")
    headline = manifest.headline()
    if (headline["liver"], headline["tumour"]) != (None, None) and "model-index" not in front:
        raise _refused("has no model-index with the measured Dice")
    for entry in front.get("model-index") or []:
        _check_index(entry)


def _check_index(entry: Any) -> None:
    """Check one model of the `model-index` against the Hub's specification."""
    try:
        results = entry["results"]
        texts = [entry["name"]]
        values = []
        for result in results:
            texts += [result["task"]["type"], result["dataset"]["type"], result["dataset"]["name"]]
            texts += [metric["type"] for metric in result["metrics"]]
            values += [metric["value"] for metric in result["metrics"]]
    except (KeyError, TypeError):
        raise _refused("has an incomplete model-index") from None
    if not results or not all(isinstance(text, str) and text for text in texts):
        raise _refused("has an incomplete model-index")
    if not values or not all(isinstance(value, int | float) for value in values):
        raise _refused("has a model-index without numbers")


def _refused(fault: str) -> PushRefused:
    return PushRefused(f"The model card {one_line(fault)}.")
