"""Small checkpoints that find a phantom's liver by its HU, for tests of the page."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from registry import InputSpec, Manifest, WindowSpec
from registry.write_checkpoint import write_checkpoint

NO_TRAINING = {
    "datasets": [{"name": "none", "licence": "none", "citation": "none"}],
    "samples_seen": 0,
    "seed": 0,
    "commit": "0" * 40,
    "hardware": "none",
}


class ByHU(nn.Module):
    """Predicts liver for a range of smoothed HU on the right of the patient, tumour in its darker parts."""

    def __init__(self, darkest_liver_hu: float) -> None:
        super().__init__()
        self.darkest_liver_hu = darkest_liver_hu

    def forward(self, hu: Tensor) -> Tensor:
        smooth = torch.nn.functional.avg_pool2d(hu, 9, 1, 4)
        right = (torch.arange(hu.shape[3], device=hu.device) < hu.shape[3] * 0.5).to(hu.dtype)
        liver = (
            torch.sigmoid((smooth - self.darkest_liver_hu) / 4) * torch.sigmoid((160 - smooth) / 4) * right
        )
        around = torch.nn.functional.avg_pool2d(liver, 41, 1, 20)
        dark = torch.sigmoid((self.darkest_liver_hu - smooth) / 4) * torch.sigmoid((smooth - 30) / 4)
        tumour = dark * torch.sigmoid((around - 0.5) * 20)
        organ = torch.maximum(liver * torch.sigmoid((around - 0.35) * 20), tumour)
        return torch.cat([1 - organ, organ - tumour, tumour], dim=1)


SIDE = 128


def slice_hu(tumour_radius: int) -> np.ndarray:
    """(SIDE, SIDE) HU: a body, on the patient's right a liver of 110 HU with a tumour of 55 HU in it."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    hu = np.full((SIDE, SIDE), -1000.0, np.float32)
    hu[(rows - 64) ** 2 + (columns - 64) ** 2 < 60**2] = 20
    hu[(rows - 64) ** 2 + (columns - 40) ** 2 < 28**2] = 110
    hu[(rows - 60) ** 2 + (columns - 42) ** 2 < tumour_radius**2] = 55
    return hu


def write_rule(
    folder: Path,
    name: str,
    version: str,
    darkest_liver_hu: float,
    dice: tuple[float, float],
    threshold: float,
    architecture: str = "segformer-b0",
) -> None:
    """One checkpoint in a folder of its own."""
    manifest = Manifest(
        name=name,
        version=version,
        architecture=architecture,
        input=InputSpec("slices", 1, (WindowSpec(40, 400),), 512),
        metrics=[
            {
                "dataset": "LiTS",
                "split": "val",
                "protocol": "every slice at full resolution",
                "values": {
                    "dice_global": {
                        "liver": {"value": dice[0], "n": 26},
                        "tumour": {"value": dice[1], "n": 23},
                    }
                },
            }
        ],
        training=NO_TRAINING,
        licence="CC-BY-NC-SA-4.0",
        torch_version=torch.__version__.split("+")[0],
        created="2026-01-01T00:00:00+00:00",
        tumour_threshold=threshold,
    )
    archive = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(ByHU(darkest_liver_hu).eval())
        torch.jit.save(script, archive, _extra_files={"manifest.json": manifest.to_json(with_files=False)})
    write_checkpoint(folder, manifest, {"model.pt": archive.getvalue()})


def write_registry(folder: Path) -> Path:
    """`segformer-b0@1.0.0` and `segformer-b0-fast@0.3.0` in a folder; returns the folder."""
    write_rule(folder / "segformer-b0", "segformer-b0", "1.0.0", 88.0, (0.945, 0.463), 0.4)
    write_rule(folder / "segformer-b0-fast", "segformer-b0-fast", "0.3.0", 80.0, (0.931, 0.402), 0.5)
    return folder


def write_versions(folder: Path) -> Path:
    """`rule@1.0.0` and `rule@1.1.0`, and `other@2.0.0` of another architecture; returns the folder."""
    write_rule(folder / "rule" / "1.0.0", "rule", "1.0.0", 88.0, (0.9, 0.4), 0.4)
    write_rule(folder / "rule" / "1.1.0", "rule", "1.1.0", 80.0, (0.91, 0.42), 0.5)
    write_rule(folder / "other", "other", "2.0.0", 95.0, (0.92, 0.44), 0.5, "nnformer-2d")
    return folder
