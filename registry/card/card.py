"""The model card of a checkpoint (README.md), generated from its manifest.

The front matter follows the Hub's model card specification: `license`, `library_name`,
`pipeline_tag`, `tags`, `datasets` and a `model-index` with every Dice that was measured.
The text says the same for people. Nothing is on the card that is not in the manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from registry.card.calibration import calibration_sections
from registry.manifest import Manifest
from registry.text import markdown as _text

HUB_LICENCES = frozenset(
    "apache-2.0 mit bsd-2-clause bsd-3-clause cc0-1.0 cc-by-4.0 cc-by-sa-4.0 cc-by-nc-4.0 cc-by-nc-sa-4.0 "
    "cc-by-nc-nd-4.0 cc-by-sa-3.0 cc-by-nc-sa-3.0 odc-by odbl openrail".split()
)
"""Licence identifiers of the Hub that a checkpoint may carry; any other is written as `other`."""

METRIC_NAMES = {
    "dice_global": "Dice, pooled over all slices",
    "dice_per_case": "Dice, mean over scans",
    "dice_per_slice": "Dice, mean over slices",
    "precision_global": "precision, pooled over all slices",
    "recall_global": "recall, pooled over all slices",
    "specificity_global": "specificity, pooled over all slices",
    "voe": "volumetric overlap error, mean over scans",
    "rvd": "relative volume difference, mean over scans",
    "lesion_recall": "lesions found, overlap above one half",
    "lesion_precision": "found lesions that are true, overlap above one half",
    "lesion_f1": "F1 of lesions, overlap above one half",
    "burden_rmse": "tumour burden, root mean square error",
    "brier_in_liver": "Brier score in the liver",
    "ece_in_liver": "expected calibration error in the liver",
    "brier_in_liver_uncalibrated": "Brier score in the liver, before calibration",
    "brier_in_liver_cross_fitted": "Brier score in the liver, calibrated on the other scans",
    "ece_in_liver_uncalibrated": "expected calibration error in the liver, before calibration",
    "ece_in_liver_cross_fitted": "expected calibration error in the liver, calibrated on the other scans",
    "ece_from_1_percent": "expected calibration error where the network gave 1 % or more",
    "ece_from_1_percent_uncalibrated": "the same, before calibration",
    "ece_from_1_percent_cross_fitted": "the same, calibrated on the other scans",
    "clean_slices": "slices without it that are left clean",
    "tumour_free_scans": "scans without tumour where none is found",
} | {
    f"{measure}_{space}": f"{name}, {place}"
    for measure, name in (
        ("assd", "average symmetric surface distance"),
        ("hd95", "95 % Hausdorff distance"),
        ("surface_dice", "surface Dice within 2"),
    )
    for space, place in (("mm", "mm"), ("2d_mm", "mm in slices"), ("2d_px", "pixels in slices"))
}
PICTURE_FILE = "overview.png"
"""The picture among a checkpoint's files that the card shows."""

NOTICE = (
    "**For research use only.** This is not a medical device. It was not evaluated for diagnosis, planning "
    "or any clinical decision, and its result must not be used for one."
)


def model_card(manifest: Manifest, *, registry: str | None = None, picture: str | None = None) -> str:
    """The text of README.md for a checkpoint; the manifest's `files` are not needed.

    `registry` is where the example takes the checkpoint from, by default wherever `LIVERSEG_REGISTRY` says;
    `picture` the name of a picture among its files.
    """
    import yaml

    front = yaml.safe_dump(front_matter(manifest), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n\n" + "\n\n".join(_sections(manifest, registry, picture)) + "\n"


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """The card's YAML front matter as data."""
    licence = slug(manifest.licence)
    result: dict[str, Any] = {"license": licence if licence in HUB_LICENCES else "other"}
    if result["license"] == "other":
        result["license_name"] = licence
    result |= {
        "library_name": "liverseg",
        "pipeline_tag": "image-segmentation",
        "tags": ["liverseg", "medical", "ct", "liver", "liver-tumour", "torchscript", manifest.architecture],
        "datasets": list(dict.fromkeys(slug(d["name"]) for d in manifest.training["datasets"])),
    }
    results = [_index_result(entry) for entry in manifest.metrics]
    results = [result for result in results if result["metrics"]]
    if results:
        result["metrics"] = ["dice"]
        result["model-index"] = [{"name": manifest.name, "results": results}]
    return result


def slug(text: str) -> str:
    """Lower case with hyphens, as the Hub's identifiers are.

    >>> slug("CC BY-NC-SA 4.0"), slug("MSD Task03 (Liver)")
    ('cc-by-nc-sa-4.0', 'msd-task03-liver')
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"


def _index_result(entry: dict[str, Any]) -> dict[str, Any]:
    metrics = [
        {
            "type": "dice",
            "value": round(record["value"], 4),
            "name": f"{METRIC_NAMES.get(metric, metric)}, {label} (n = {record['n']})",
        }
        for metric, label, record in _values(entry)
        if metric.startswith("dice") and record["value"] is not None
    ]
    return {
        "task": {"type": "image-segmentation", "name": "Liver and liver tumour segmentation in CT"},
        "dataset": {"type": slug(entry["dataset"]), "name": entry["dataset"], "split": entry["split"]},
        "metrics": metrics,
    }


def _values(entry: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for metric, labels in entry["values"].items():
        for label, record in labels.items():
            yield metric, label, record


def _sections(manifest: Manifest, registry: str | None, picture: str | None) -> Iterator[str]:
    yield f"# {manifest.ref}"
    if manifest.title:
        yield _text(manifest.title)
    yield _what_it_is(manifest)
    if picture:
        yield f"![A CT slice, its segmentation and the tumour probability]({picture})"
    yield NOTICE
    yield "## Use"
    place = f'import os\n\nos.environ["LIVERSEG_REGISTRY"] = "{registry}"\n\n' if registry else ""
    yield (
        f"```python\n{place}import liverseg\n\n"
        'ct = liverseg.read("scan.nii.gz")  # or a PNG, a DICOM file, a folder of a DICOM series\n'
        f'seg = liverseg.Segmenter.load("{manifest.ref}").segment(ct)\n'
        "print(liverseg.measure(ct, seg).to_json())\n```"
    )
    yield (
        f"`model.pt` is a self-contained TorchScript archive: {_signature(manifest)}. `manifest.json` "
        "describes it and lists the sha256 of every file; liverseg opens no file that differs. "
        "`model.safetensors` has the weights alone, `metrics.csv` one row per evaluated scan."
    )
    yield "## Results"
    if not manifest.metrics:
        yield "This checkpoint was not evaluated."
    for entry in manifest.metrics:
        yield _results_table(entry)
    yield from calibration_sections(manifest)
    yield "## Training"
    yield _training(manifest)
    yield "## Limits"
    yield _limits(manifest)
    yield "## Licence"
    yield (
        f"The weights are licensed under {_text(manifest.licence)}. They were trained on the datasets "
        "above, whose licences and citations apply to them too."
    )


def _what_it_is(manifest: Manifest) -> str:
    spec = manifest.input
    windows = " and ".join(f"{w.center_hu:g}/{w.width_hu:g}" for w in spec.windows)
    if spec.kind == "volume":
        takes = "volumes"
    elif spec.context_slices == 1:
        takes = "single axial slices"
    else:
        takes = f"axial slices, each with its neighbours ({spec.context_slices} slices in all)"
    spacing = (
        ""
        if spec.spacing_mm is None
        else f" at a spacing of {' × '.join(f'{s:g}' for s in spec.spacing_mm)} mm (slices, rows, columns)"
    )
    at = f"at {spec.working_size} pixels along the longer side"
    if spec.patch is not None:
        at = f"on overlapping patches of {' × '.join(map(str, spec.patch))} voxels (slices, rows, columns)"
    return (
        f"A {manifest.architecture} network that segments the liver and its tumours in CT. It takes {takes} "
        f"in Hounsfield units{spacing}, sees them through the CT window {windows} HU (centre/width), works "
        f"{at}, and gives the probabilities of "
        f"{', '.join(manifest.classes[:-1])} and {manifest.classes[-1]}. A pixel is called tumour from "
        f"a tumour probability of {manifest.tumour_threshold:g}."
    )


def _signature(manifest: Manifest) -> str:
    if manifest.input.kind == "volume":
        return "`forward(hu: float32 (N, 1, D, H, W)) -> probabilities float32 (N, 3, D, H, W)`"
    channels = manifest.input.context_slices
    return f"`forward(hu: float32 (N, {channels}, H, W)) -> probabilities float32 (N, 3, H, W)`"


def _results_table(entry: dict[str, Any]) -> str:
    head = f"{_text(entry['dataset'])}, {_text(entry['split'])}: {_text(entry['protocol'])}"
    rows = ["| metric | class | value | n |", "| --- | --- | --- | --- |"]
    for metric, label, record in _values(entry):
        value = _number(record["value"])
        low, high = record.get("interval_95", (None, None))
        if low is not None and high is not None:
            value += f" (95 % interval {_number(low)} to {_number(high)})"
        rows.append(f"| {METRIC_NAMES.get(metric, metric)} | {label} | {value} | {record['n']} |")
    return head + "\n\n" + "\n".join(rows)


def _number(value: float | None) -> str:
    """A share with three digits, a count as it is."""
    if value is None:
        return "not measured"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _training(manifest: Manifest) -> str:
    training = manifest.training
    rows = ["| dataset | slices | licence | citation |", "| --- | --- | --- | --- |"]
    for d in training["datasets"]:
        slices = d.get("slices", "")
        rows.append(f"| {_text(d['name'])} | {slices} | {_text(d['licence'])} | {_text(d['citation'])} |")
    facts = [f"{training['samples_seen']} samples seen", f"hardware: {_text(training['hardware'])}"]
    if "hours" in training:
        facts.append(f"{training['hours']:.1f} hours")
    if training["seed"] is not None:
        facts.append(f"seed {training['seed']}")
    if training["commit"] is not None:
        facts.append(f"commit `{training['commit']}`")
    facts += [f"saved with torch {_text(manifest.torch_version)}", f"created {manifest.created}"]
    return "\n".join(rows) + "\n\n" + "; ".join(facts) + "."


def _limits(manifest: Manifest) -> str:
    limits = [
        "What was measured holds for the scans that it was measured on; other scanners, protocols, contrast "
        "phases and populations may do worse.",
        "Small and low-contrast tumours are missed, and cysts, vessels and artefacts may be called tumour. A "
        "result without a tumour does not mean that there is none.",
        "It labels liver and tumour only. Anything but axial CT of the abdomen gives a meaningless result.",
    ]
    narrowest = min(manifest.input.windows, key=lambda w: w.width_hu)
    low, high = (narrowest.center_hu + sign * narrowest.width_hu / 2 for sign in (-1, 1))
    if len(manifest.input.windows) == 1:
        limits.append(f"Values below {low:g} HU and above {high:g} HU are not told apart.")
    return "\n".join(f"- {limit}" for limit in limits)


HUB_TAG = "liverseg"
"""The tag in a model card by which the checkpoints among an owner's repositories are known."""
