"""What the fuzzer segments with: a rule on HU, a tiny TorchScript archive, a bundled checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from liverseg.inference.segmenter import Segmenter
from registry import Checkpoint, InputSpec, Manifest, WindowSpec
from registry.manifest import FileRecord

BUNDLED = "segformer-b0-fast"
_NO_TRAINING = {
    "datasets": [{"name": "none", "licence": "none", "citation": "none"}],
    "samples_seen": 0,
    "seed": 0,
    "commit": "0" * 40,
    "hardware": "none",
}


def manifest(name: str, working_size: int = 512) -> Manifest:
    """A manifest of a network for slices that was not trained."""
    return Manifest(
        name=name,
        version="1.0.0",
        architecture="segformer-b0",
        input=InputSpec("slices", 1, (WindowSpec(40, 400),), working_size),
        metrics=[],
        training=_NO_TRAINING,
        licence="Apache-2.0",
        torch_version="2.13.0",
        created="2026-01-01T00:00:00+00:00",
    )


class Rule:
    """An engine by HU alone: organ from 0 to 50 HU on, tumour below 70 to 100 HU.

    `around_px` is the side of the square that it averages over. With 1 it finds thousands of lesions in
    noise, which is the worst that there is to measure.
    """

    name = "rule"

    def __init__(self, around_px: int) -> None:
        self._around_px = around_px

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) HU to (N, 3, H, W) probabilities of the middle slice of C."""
        size = (1, self._around_px, self._around_px)
        middle = ndimage.uniform_filter(hu[:, hu.shape[1] // 2], size, mode="nearest")
        organ = np.clip(middle / 50, 0, 1)
        tumour = organ * np.clip((100 - middle) / 30, 0, 1)
        return np.stack([1 - organ, organ - tumour, tumour], axis=1).astype(np.float32)

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What `run` gives of each."""
        return map(self.run, slices)


def rule(around_px: int = 7) -> Segmenter:
    """A segmenter by `Rule`; no file belongs to it."""
    files = {"model.pt": FileRecord("ab" * 32, 1)}
    return Segmenter(
        Checkpoint(Path("nowhere"), manifest("rule").with_files(files), "fuzzing"), Rule(around_px)
    )


def tiny(folder: Path, engine: str = "torch") -> Segmenter:
    """A segmenter of a TorchScript archive with two convolutions, written to `folder` and read from there."""
    import io
    import warnings

    import torch

    from registry import open_registries
    from registry.write_checkpoint import write_checkpoint

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 5, padding=2), torch.nn.Conv2d(4, 3, 1), torch.nn.Softmax(1)]
    made, archive = manifest("tiny", 64), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(torch.nn.Sequential(*layers).eval())
        torch.jit.save(script, archive, _extra_files={"manifest.json": made.to_json(with_files=False)})
    write_checkpoint(folder / "tiny", made, {"model.pt": archive.getvalue()})
    return Segmenter.load("tiny", engine=engine, registries=open_registries(str(folder)))


def bundled() -> Segmenter:
    """The fastest bundled checkpoint, with the engine that is the default here."""
    from registry import open_registries

    return Segmenter.load(BUNDLED, registries=open_registries("bundled"))
