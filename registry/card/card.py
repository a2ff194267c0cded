"""The model card of a checkpoint (README.md), generated from its manifest alone.

The text of a card must not change: cards of published checkpoints are compared with it to tell generated
cards from those written by hand (`registry.hub.push.hub_content`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.card.calibration import calibration_sections
from registry.card.front_matter import front_matter
from registry.card.lesions import lesion_sections
from registry.card.metric_names import METRIC_NAMES, metric_values
from registry.card.transformers import transformers_sections
from registry.manifest import Manifest
from registry.text import markdown

PICTURE_FILE = "overview.png"
"""The file of a checkpoint that the card shows as its picture."""

NOTICE = (
    "**For research use only.** This is not a medical device. It was not evaluated for diagnosis, planning "
    "or any clinical decision, and its result must not be used for one."
)


def model_card(
    manifest: Manifest,
    *,
    registry: str | None = None,
    picture: str | None = None,
    transformers: bool | None = None,
) -> str:
    """The text of README.md for a checkpoint. The manifest's `files` are not used.

    `registry` is the address of the registry in the example; without it the example does not set
    `LIVERSEG_REGISTRY`. `picture` is the name of a picture among the checkpoint's files. `transformers` says
    whether transformers opens the checkpoint; None gives the text of older cards, which do not say it.
    """
    import yaml

    front = front_matter(manifest, registry=registry, transformers=transformers)
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n\n" + "\n\n".join(_sections(manifest, registry, picture, transformers)) + "\n"


def card_style(card: str, manifest: Manifest, picture: str | None = None) -> dict[str, bool | None] | None:
    """The argument `transformers` that `model_card` wrote the card with; None for a card written by hand.

    `picture` is the name of a picture among the checkpoint's files, which the card may show.
    """
    for transformers in (None, False, True):
        for shown in dict.fromkeys((picture, None)):
            if card == model_card(manifest, picture=shown, transformers=transformers):
                return {"transformers": transformers}
    return None


def _sections(
    manifest: Manifest, registry: str | None, picture: str | None, transformers: bool | None
) -> Iterator[str]:
    yield f"# {manifest.ref}"
    if manifest.title:
        yield markdown(manifest.title)
    yield _summary(manifest)
    if picture:
        yield f"![A CT slice, its segmentation and the tumour probability]({picture})"
    yield NOTICE
    yield "## Use"
    setup = f'import os\n\nos.environ["LIVERSEG_REGISTRY"] = "{registry}"\n\n' if registry else ""
    yield (
        f"```python\n{setup}import liverseg\n\n"
        'ct = liverseg.read("scan.nii.gz")  # or a PNG, a DICOM file, a folder of a DICOM series\n'
        f'seg = liverseg.Segmenter.load("{manifest.ref}").segment(ct)\n'
        "print(liverseg.measure(ct, seg).to_json())\n```"
    )
    yield (
        f"`model.pt` is a self-contained TorchScript archive: {_signature(manifest)}. `manifest.json` "
        "describes it and lists the sha256 of every file; liverseg opens no file that differs. "
        "`model.safetensors` has the weights alone, `metrics.csv` one row per evaluated scan."
    )
    if transformers is not None:
        yield from transformers_sections(manifest, registry, transformers)
    yield "## Results"
    if not manifest.metrics:
        yield "This checkpoint was not evaluated."
    for entry in manifest.metrics:
        yield _results_table(entry)
    yield from lesion_sections(manifest)
    yield from calibration_sections(manifest)
    yield "## Training"
    yield _training(manifest)
    yield "## Limits"
    yield _limits(manifest)
    yield "## Licence"
    yield (
        f"The weights are licensed under {markdown(manifest.licence)}. They were trained on the datasets "
        "above, whose licences and citations apply to them too."
    )


def _summary(manifest: Manifest) -> str:
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
    head = f"{markdown(entry['dataset'])}, {markdown(entry['split'])}: {markdown(entry['protocol'])}"
    rows = ["| metric | class | value | n |", "| --- | --- | --- | --- |"]
    for metric, label, record in metric_values(entry):
        value = _number(record["value"])
        low, high = record.get("interval_95", (None, None))
        if low is not None and high is not None:
            value += f" (95 % interval {_number(low)} to {_number(high)})"
        rows.append(f"| {METRIC_NAMES.get(metric, metric)} | {label} | {value} | {record['n']} |")
    return head + "\n\n" + "\n".join(rows)


def _number(value: float | None) -> str:
    """A share with three decimals, a count unchanged."""
    if value is None:
        return "not measured"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _training(manifest: Manifest) -> str:
    training = manifest.training
    rows = ["| dataset | slices | licence | citation |", "| --- | --- | --- | --- |"]
    for d in training["datasets"]:
        slices = d.get("slices", "")
        rows.append(
            f"| {markdown(d['name'])} | {slices} | {markdown(d['licence'])} | {markdown(d['citation'])} |"
        )
    facts = [f"{training['samples_seen']} samples seen", f"hardware: {markdown(training['hardware'])}"]
    if "hours" in training:
        facts.append(f"{training['hours']:.1f} hours")
    elif "hours_at_least" in training:
        facts.append(f"at least {training['hours_at_least']:.1f} hours")
    if training["seed"] is not None:
        facts.append(f"seed {training['seed']}")
    if training["commit"] is not None:
        changed = " with uncommitted changes" if training.get("dirty") else ""
        facts.append(f"commit `{training['commit']}`{changed}")
    for weights in training.get("start_weights", ()):
        facts.append(
            f"started from the weights {markdown(weights['name'])} (licence: {markdown(weights['licence'])})"
        )
    facts += [f"saved with torch {markdown(manifest.torch_version)}", f"created {manifest.created}"]
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
