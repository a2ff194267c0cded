"""The card's section on transformers: how it opens the checkpoint, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from registry.card.front_matter import HUB_SCHEME
from registry.manifest import Manifest, WindowSpec


def transformers_sections(manifest: Manifest, registry: str | None, transformers: bool) -> Iterator[str]:
    """The paragraphs of the section; `transformers` says whether transformers opens the checkpoint."""
    yield "## transformers"
    if not transformers:
        segformer = manifest.architecture.startswith("segformer")
        reason = (
            "its image processor takes pictures of three channels in one CT window"
            if segformer
            else f"it has no {manifest.architecture}"
        )
        yield (
            f"This checkpoint does not open in Hugging Face's transformers: {reason}. Use liverseg, or "
            "`model.pt` alone."
        )
        return
    yield (
        "The same repository opens in Hugging Face's transformers, version 5, without liverseg: "
        "`AutoModelForSemanticSegmentation`, `AutoImageProcessor` and the pipeline `image-segmentation`."
    )
    yield f"```python\n{snippet(manifest, registry)}```"
    window = manifest.input.windows[0]
    yield (
        f"The picture must be the slice in the CT window {window.center_hu:g}/{window.width_hu:g} HU, as "
        f"above ({_grey(window)}), the patient's right on the left and the front on top. The image processor "
        "makes every picture square unless it gets the size that keeps its sides in proportion, as above. It "
        "smooths a picture that it makes smaller and rounds it to 8 bits; liverseg does neither, so a few "
        "pixels on borders get another label. A class without pixels is not among the masks."
    )
    yield "The pipeline gives each pixel its most probable class. " + _lacks(manifest)


def snippet(manifest: Manifest, registry: str | None) -> str:
    """The Python code that segments one slice with transformers."""
    window = manifest.input.windows[0]
    side = manifest.input.working_size
    if registry and registry.startswith(HUB_SCHEME):
        owner = registry.removeprefix(HUB_SCHEME)
        place = f'"{owner}/{manifest.name}", revision="{manifest.version}"'
    else:
        place = f'"{manifest.name}"'
    if manifest.input.context_slices == 1:
        shape, convert = "(rows, columns)", '.convert("RGB")'
    else:
        shape, convert = "(rows, columns, 3): the slice below, the slice, the slice above", ""
    where = "" if registry else "  # the folder of this checkpoint"
    return (
        "import numpy as np\n"
        "from PIL import Image\n"
        "from transformers import pipeline\n\n"
        f'hu = np.load("slice.npy")  # Hounsfield units, {shape}\n'
        f"grey = np.clip((hu {_minus(_low(window))}) / {window.width_hu:g}, 0, 1)  # {_grey(window)}\n"
        f"picture = Image.fromarray(np.uint8(255 * grey + 0.5)){convert}\n\n"
        f'segmenter = pipeline("image-segmentation", {place}){where}\n'
        "longer = max(picture.size)\n"
        f"width, height = (max(32, int({side} * s / longer / 32 + 0.5) * 32) for s in picture.size)\n"
        'segmenter.image_processor.size = {"height": height, "width": width}\n'
        'masks = {part["label"]: np.array(part["mask"]) > 0 for part in segmenter(picture)}\n'
    )


def _low(window: WindowSpec) -> float:
    return window.center_hu - window.width_hu / 2


def _minus(value: float) -> str:
    """The subtraction of a number as in `x + 40`."""
    return f"{'-' if value >= 0 else '+'} {abs(value):g}"


def _grey(window: WindowSpec) -> str:
    return f"{_low(window):g} HU and less is 0, {_low(window) + window.width_hu:g} HU and more is 255"


def _lacks(manifest: Manifest) -> str:
    """The sentence on what liverseg adds to the network."""
    lacking = ["the reading of DICOM and NIfTI and their window"]
    calibration = manifest.extra.get("calibration", {})
    if calibration.get("method") == "platt":
        lacking.append("the calibration of the tumour probability")
    lacking.append(f"the tumour threshold ({manifest.tumour_threshold:g})")
    lacking.append("the rules for volumes, of which liverseg keeps only the largest body")
    if "lesion_model" in manifest.extra:
        lacking.append("the lesion model, which says which lesions are likely")
    lacking.append("sizes in millimetres")
    return f"It lacks what liverseg adds: {', '.join(lacking)}, and doubts about a result."
