"""Every refusal of the registry, as one exception tree.

Each text is one sentence that a person can act on. The command line prints it and
exits 1; liverseg hands it on as `liverseg.errors.CheckpointRefused`.
"""

from __future__ import annotations


class RegistryError(Exception):
    """Base of all refusals of the registry."""


class InvalidReference(RegistryError):
    """A reference is not `name` or `name@version`."""


class UnsupportedRegistry(RegistryError):
    """`LIVERSEG_REGISTRY` names a kind of registry that cannot be read here."""


class RegistryUnreadable(RegistryError):
    """A registry does not exist, may not be read, or cannot be reached."""


class HubUnreachable(RegistryUnreadable):
    """The Hub cannot be reached, fails, takes no more requests, or is not to be asked."""


class HubRefused(RegistryUnreadable):
    """The Hub refused: no such repository, no right to it, no valid token, or changed meanwhile."""


class CacheUnwritable(RegistryError):
    """What was fetched cannot be stored on this machine: its disk is full, or may not be written to."""


class PushRefused(RegistryError):
    """What was to be published is not fit for it, or the target is not one to publish to."""


class CheckpointNotFound(RegistryError):
    """No registry has a checkpoint of that name or version."""


class CheckpointExists(RegistryError):
    """Another checkpoint stands where one was to be written; versions never change."""


class ManifestInvalid(RegistryError):
    """`manifest.json` is missing, is not JSON, or does not keep the schema."""


class CheckpointDamaged(RegistryError):
    """A file of a checkpoint is missing, truncated, swapped, a link, or not what the manifest says."""


class ArchiveRefused(CheckpointDamaged):
    """`model.pt` is not a plain TorchScript archive, or holds what an archive of weights never needs."""
