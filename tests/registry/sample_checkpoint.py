"""A tiny network, a complete manifest, and ways to tamper with a checkpoint."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from registry import Checkpoint, FileRecord, InputSpec, Manifest, WindowSpec
from registry.folder import open_checkpoint

FILE_RECORDS = {"model.pt": FileRecord("ab" * 32, 123)}
METRICS_CSV = b"scan,slices,dice_liver,dice_tumour\nval-1,40,0.93,0.41\nval-2,38,0.91,\n"


class TinyNet(torch.nn.Module):
    """HU (N, 1, H, W) to probabilities (N, 3, H, W); has a submodule, a buffer and an interpolation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("window", torch.tensor([40.0, 400.0]))
        self.blocks = torch.nn.ModuleList([torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4)])
        self.head = torch.nn.Conv2d(4, 3, 1)

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        x = torch.clamp((hu - self.window[0]) / self.window[1] + 0.5, 0.0, 1.0)
        x = torch.nn.functional.interpolate(x, size=(64, 64), mode="bilinear", align_corners=False)
        for block in self.blocks:
            x = block(x)
        x = torch.nn.functional.interpolate(self.head(x), size=(hu.shape[2], hu.shape[3]), mode="nearest")
        return x.softmax(1)


def manifest_for(name: str = "tiny", version: str = "1.0.0", **changes: object) -> Manifest:
    """A complete manifest without files."""
    dice = {
        "liver": {"value": 0.9241, "n": 5},
        "tumour": {"value": 0.285, "n": 4, "interval_95": [0.2, 0.37]},
    }
    values = {
        "name": name,
        "version": version,
        "title": "Tiny, for tests",
        "architecture": "segformer-b0",
        "input": InputSpec("slices", 1, (WindowSpec(40, 400),), 64),
        "metrics": [
            {
                "dataset": "LiTS",
                "split": "val",
                "protocol": "all slices of 5 scans at 512 x 512",
                "values": {"dice_global": dice, "dice_per_case": {"liver": {"value": 0.915, "n": 5}}},
            }
        ],
        "training": {
            "datasets": [
                {
                    "name": "LiTS",
                    "licence": "CC-BY-NC-SA-4.0",
                    "citation": "Bilic et al. 2023",
                    "slices": 1800,
                }
            ],
            "samples_seen": 41600,
            "seed": 1,
            "commit": "0123abc",
            "hardware": "2 CPU cores",
        },
        "licence": "CC-BY-NC-SA-4.0",
        "torch_version": "2.13.0",
        "created": "2026-01-31T12:00:00+00:00",
    }
    return Manifest(**(values | changes))


def manifest_dict(**changes: Any) -> dict[str, Any]:
    """The data of a complete manifest with one file."""
    return manifest_for().with_files(FILE_RECORDS).to_dict() | changes


def repack(archive: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A TorchScript archive after `change` was applied to its members (name with top folder -> bytes)."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    change(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, data in members.items():
            target.writestr(name, data)
    return out.getvalue()


def replace_file(checkpoint: Checkpoint, name: str, data: bytes) -> Checkpoint:
    """Replace a file and its record in the manifest, so that only its content can be wrong."""
    (checkpoint.folder / name).write_bytes(data)
    path = checkpoint.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.write_text(json.dumps(manifest))
    return open_checkpoint(checkpoint.folder, "models")
