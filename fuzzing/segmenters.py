"""Segmenters for the fuzzer: a threshold rule on HU, a tiny TorchScript archive, a bundled checkpoint."""

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
    """The manifest of an untrained network for slices."""
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
    """An engine that segments by HU alone.

    The probability of the organ rises from 0 to 50 HU, that of tumour falls from 70 to 100 HU.
    HU are averaged over squares of `side_px` pixels a side. With a side of 1 the rule finds thousands of
    lesions in noise, which is the worst case for measuring.
    """

    name = "rule"

    def __init__(self, side_px: int) -> None:
        self._side_px = side_px

    def run(self, hu: np.ndarray) -> np.ndarray:
        """Probabilities (N, 3, H, W) of the middle slice from HU (N, C, H, W)."""
        size = (1, self._side_px, self._side_px)
        middle = ndimage.uniform_filter(hu[:, hu.shape[1] // 2], size, mode="nearest")
        organ = np.clip(middle / 50, 0, 1)
        tumour = organ * np.clip((100 - middle) / 30, 0, 1)
        return np.stack([1 - organ, organ - tumour, tumour], axis=1).astype(np.float32)

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The results of `run` for each batch."""
        return map(self.run, slices)


def rule(side_px: int = 7) -> Segmenter:
    """A segmenter that uses `Rule`; it has no checkpoint file."""
    files = {"model.pt": FileRecord("ab" * 32, 1)}
    return Segmenter(
        Checkpoint(Path("nowhere"), manifest("rule").with_files(files), "fuzzing"), Rule(side_px)
    )


def tiny(folder: Path, engine: str = "torch") -> Segmenter:
    """A segmenter of a TorchScript archive with two convolutions, which is written to `folder`."""
    import io
    import warnings

    import torch

    from registry import open_registries
    from registry.write_checkpoint import write_checkpoint

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 5, padding=2), torch.nn.Conv2d(4, 3, 1), torch.nn.Softmax(1)]
    tiny_manifest, archive = manifest("tiny", 64), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(torch.nn.Sequential(*layers).eval())
        torch.jit.save(
            script, archive, _extra_files={"manifest.json": tiny_manifest.to_json(with_files=False)}
        )
    write_checkpoint(folder / "tiny", tiny_manifest, {"model.pt": archive.getvalue()})
    return Segmenter.load("tiny", engine=engine, registries=open_registries(str(folder)))


def bundled() -> Segmenter:
    """The fastest bundled checkpoint with the default engine."""
    from registry import open_registries

    return Segmenter.load(BUNDLED, registries=open_registries("bundled"))
