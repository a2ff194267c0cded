"""Checkpoints: what they are, where they are, and whether they may be opened.

    from registry import open_registries
    registries = open_registries()                      # LIVERSEG_REGISTRY, else the bundled folder
    for checkpoint in registries.list(): ...
    data = registries.find("segformer-b0").read_model() # checked bytes for torch.jit.load

Needs no torch: everything about a checkpoint can be checked before torch is imported.
"""

from __future__ import annotations

from registry.checkpoint import Checkpoint
from registry.errors import (
    ArchiveRefused,
    CacheUnwritable,
    CheckpointDamaged,
    CheckpointExists,
    CheckpointNotFound,
    HubRefused,
    HubUnreachable,
    InvalidReference,
    ManifestInvalid,
    PushRefused,
    RegistryError,
    RegistryUnreadable,
    UnsupportedRegistry,
)
from registry.folder import FolderRegistry, Problem, open_checkpoint
from registry.hub.registry import HubRegistry
from registry.manifest import FileRecord, InputSpec, Manifest, WindowSpec
from registry.progress import Pushed
from registry.pull import Pulled, pull
from registry.push import push
from registry.registries import Registries, open_registries

__all__ = [
    "ArchiveRefused",
    "CacheUnwritable",
    "Checkpoint",
    "CheckpointDamaged",
    "CheckpointExists",
    "CheckpointNotFound",
    "FileRecord",
    "FolderRegistry",
    "HubRefused",
    "HubRegistry",
    "HubUnreachable",
    "InputSpec",
    "InvalidReference",
    "Manifest",
    "ManifestInvalid",
    "Problem",
    "PushRefused",
    "Pulled",
    "Pushed",
    "Registries",
    "RegistryError",
    "RegistryUnreadable",
    "UnsupportedRegistry",
    "WindowSpec",
    "open_checkpoint",
    "open_registries",
    "pull",
    "push",
]
