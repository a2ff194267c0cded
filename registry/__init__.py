"""Find, list, check, fetch and publish checkpoints.

    from registry import open_registries
    registries = open_registries()                      # LIVERSEG_REGISTRY, else the bundled checkpoints
    for checkpoint in registries.list(): ...
    data = registries.find("segformer-b0").read_model() # verified bytes for torch.jit.load

The package does not import torch: a checkpoint is fully verified before torch opens it.
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
