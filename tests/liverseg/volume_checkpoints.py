"""Segmenters for slices and volumes that apply a fixed rule on HU instead of a trained network."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from liverseg.inference.segmenter import Segmenter
from registry import Checkpoint, InputSpec, Manifest, WindowSpec, open_registries
from registry.manifest import FileRecord
from registry.write_checkpoint import write_checkpoint
from tests.liverseg.app.rule_checkpoints import NO_TRAINING

LIVER_HU, TUMOUR_HU, BACKGROUND_HU = 110.0, 60.0, -50.0
"""Values that the rule labels liver, tumour and background; between them its probabilities are not 0 or 1."""


def manifest(name: str, spec: InputSpec) -> Manifest:
    return Manifest(
        name=name,
        version="1.0.0",
        architecture="nnformer-3d" if spec.kind == "volume" else "segformer-b0",
        input=spec,
        metrics=[],
        training=NO_TRAINING,
        licence="Apache-2.0",
        torch_version=torch.__version__.split("+")[0],
        created="2026-01-01T00:00:00+00:00",
    )


def probabilities(hu: np.ndarray) -> np.ndarray:
    """HU of any shape to (3, *shape): organ rises from 0 to 1 up to 50 HU, tumour falls from 70 to 100 HU."""
    organ = np.clip(hu / 50, 0, 1)
    tumour = organ * np.clip((100 - hu) / 30, 0, 1)
    return np.stack([1 - organ, organ - tumour, tumour]).astype(np.float32)


class SliceRule:
    """An engine for slices that counts them."""

    name = "rule"

    def __init__(self) -> None:
        self.runs = 0

    def run(self, hu: np.ndarray) -> np.ndarray:
        self.runs += len(hu)
        return np.stack([probabilities(one[one.shape[0] // 2]) for one in hu])

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, slices)


def slice_segmenter(engine: object | None = None) -> Segmenter:
    """A segmenter of slices that applies the rule."""
    made = manifest("rule", InputSpec("slices", 1, (WindowSpec(40, 400),), 512))
    files = {"model.pt": FileRecord("ab" * 32, 1)}
    return Segmenter(Checkpoint(Path("nowhere"), made.with_files(files), "tests"), engine or SliceRule())


class VolumeRule(nn.Module):
    """The rule as a network for volumes: (N, 1, D, H, W) HU to (N, 3, D, H, W) probabilities."""

    def forward(self, hu: Tensor) -> Tensor:
        organ = (hu / 50.0).clamp(0.0, 1.0)
        tumour = organ * ((100.0 - hu) / 30.0).clamp(0.0, 1.0)
        return torch.cat([1 - organ, organ - tumour, tumour], dim=1)


def write_volume_checkpoint(folder: Path, spec: InputSpec, module: nn.Module | None = None) -> Segmenter:
    """A checkpoint `volume-rule` in the registry `folder`, loaded with torch."""
    made, archive = manifest("volume-rule", spec), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script((module or VolumeRule()).eval())
        torch.jit.save(script, archive, _extra_files={"manifest.json": made.to_json(with_files=False)})
    write_checkpoint(folder / "volume-rule", made, {"model.pt": archive.getvalue()})
    return Segmenter.load("volume-rule", engine="torch", registries=open_registries(str(folder)))
