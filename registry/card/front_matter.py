"""The YAML front matter of a model card: building it from a manifest, and splitting it off a card.

It follows the Hub's model card specification (huggingface.co/docs/hub/model-cards): `license`,
`library_name`, `pipeline_tag`, `base_model`, `tags`, `datasets` and a `model-index` with every measured Dice.
"""

from __future__ import annotations

import re
from typing import Any

from registry.card.metric_names import METRIC_NAMES, metric_values
from registry.manifest import Manifest

HUB_TAG = "liverseg"
"""The tag that marks a model repository on the Hub as a checkpoint."""

HUB_SCHEME = "hf://"
"""Start of the address of a registry on the Hub; the rest is its owner."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

HUB_LICENCES = frozenset(
    "apache-2.0 mit bsd-2-clause bsd-3-clause cc0-1.0 cc-by-4.0 cc-by-sa-4.0 cc-by-nc-4.0 cc-by-nc-sa-4.0 "
    "cc-by-nc-nd-4.0 cc-by-sa-3.0 cc-by-nc-sa-3.0 odc-by odbl openrail".split()
)
"""The Hub's identifiers of licences; any other licence is written as `other`."""


def front_matter(
    manifest: Manifest, *, registry: str | None = None, transformers: bool | None = None
) -> dict[str, Any]:
    """The front matter of a checkpoint's card as data.

    `registry` is the address of its registry, which `base_model` needs for a checkpoint of the same owner.
    `transformers` says whether transformers opens the checkpoint; None gives the front matter of older cards,
    whose `datasets` are names that the Hub does not know.
    """
    licence = slug(manifest.licence)
    result: dict[str, Any] = {"license": licence if licence in HUB_LICENCES else "other"}
    if result["license"] == "other":
        result["license_name"] = licence
    datasets = manifest.training["datasets"]
    if transformers is None:
        known = list(dict.fromkeys(slug(d["name"]) for d in datasets))
        bases = []
    else:
        known = list(dict.fromkeys(d["hub_id"] for d in datasets if "hub_id" in d))
        bases = base_models(manifest, registry)
    result |= {
        "library_name": "transformers" if transformers else "liverseg",
        "pipeline_tag": "image-segmentation",
        **({"base_model": bases[0] if len(bases) == 1 else bases} if bases else {}),
        "tags": ["liverseg", "medical", "ct", "liver", "liver-tumour", "torchscript", manifest.architecture],
        **({"datasets": known} if known else {}),
    }
    results = [_index_result(entry) for entry in manifest.metrics]
    results = [result for result in results if result["metrics"]]
    if results:
        result["metrics"] = ["dice"]
        result["model-index"] = [{"name": manifest.name, "results": results}]
    return result


def base_models(manifest: Manifest, registry: str | None = None) -> list[str]:
    """The models on the Hub that the checkpoint derives from, as owner/name.

    They are the `base_model` of the manifest, which without an owner is a checkpoint of the same owner, or
    else the weights that the training started from.
    """
    base = str(manifest.extra.get("base_model", ""))
    if base and "/" not in base:
        base = f"{registry.removeprefix(HUB_SCHEME)}/{base}" if registry else ""
    starts = [str(weights["name"]) for weights in manifest.training.get("start_weights", ())]
    return [base] if base else [name for name in starts if _HUB_NAME.fullmatch(name)]


def slug(text: str) -> str:
    """The text as an identifier of the Hub: lower case, with hyphens.

    >>> slug("CC BY-NC-SA 4.0"), slug("MSD Task03 (Liver)")
    ('cc-by-nc-sa-4.0', 'msd-task03-liver')
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"


def _index_result(entry: dict[str, Any]) -> dict[str, Any]:
    mode = ", volumes" if entry.get("mode") == "volume" else ""
    metrics = [
        {
            "type": "dice",
            "value": round(record["value"], 4),
            "name": f"{METRIC_NAMES.get(metric, metric)}, {label}{mode} (n = {record['n']})",
        }
        for metric, label, record in metric_values(entry)
        if metric.startswith("dice") and record["value"] is not None
    ]
    return {
        "task": {"type": "image-segmentation", "name": "Liver and liver tumour segmentation in CT"},
        "dataset": {"type": slug(entry["dataset"]), "name": entry["dataset"], "split": entry["split"]},
        "metrics": metrics,
    }


def split_front_matter(card: str) -> tuple[dict[str, Any], str] | None:
    """The front matter of a card and the text after it; None where there is no valid front matter.

    >>> split_front_matter("---\\nlicense: mit\\n---\\n# Title\\n")
    ({'license': 'mit'}, '# Title\\n')
    """
    import yaml

    match = re.match(r"---\n(.*?)\n---\n(.*)", card, re.DOTALL)
    try:
        front = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        return None
    return (front, match[2]) if match is not None and isinstance(front, dict) else None
