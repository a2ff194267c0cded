"""The exceptions of the registry, all derived from `RegistryError`.

Each message is one sentence that tells the user what to do or what is wrong. The command line prints it and
exits with status 1; liverseg raises it again as `liverseg.errors.CheckpointRefused`.
"""

from __future__ import annotations


class RegistryError(Exception):
    """Base of all exceptions of the registry."""


class InvalidReference(RegistryError):
    """A reference is not `name` or `name@version`."""


class UnsupportedRegistry(RegistryError):
    """`LIVERSEG_REGISTRY` names a kind of registry that is not supported."""


class RegistryUnreadable(RegistryError):
    """A registry does not exist, may not be read, or cannot be reached."""


class HubUnreachable(RegistryUnreadable):
    """The Hub cannot be reached, fails, limits the requests, or is switched off by `HF_HUB_OFFLINE`."""


class HubRefused(RegistryUnreadable):
    """The Hub refused a request: unknown repository, no permission, no valid token, or a conflict."""


class CacheUnwritable(RegistryError):
    """A file cannot be stored in the cache: the disk is full or may not be written to."""


class PushRefused(RegistryError):
    """A checkpoint or Space is not fit to be published, or its target is not one to publish to."""


class CheckpointNotFound(RegistryError):
    """No registry has a checkpoint of this name or version."""


class CheckpointExists(RegistryError):
    """The target already holds another checkpoint of this version; versions never change."""


class ManifestInvalid(RegistryError):
    """`manifest.json` is missing, is not JSON, or does not match the schema."""


class CheckpointDamaged(RegistryError):
    """A file of a checkpoint is missing, truncated, replaced, a link, or differs from the manifest."""


class ArchiveRefused(CheckpointDamaged):
    """`model.pt` is not a plain TorchScript archive, or holds what an archive of weights never needs."""
