"""Write a checkpoint folder in one step: complete or not at all."""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from registry.archive.archive import check_archive
from registry.checkpoint import Checkpoint
from registry.errors import CheckpointExists, RegistryError
from registry.files import temporary_folder, write_flushed
from registry.folder import MANIFEST_FILE, open_checkpoint
from registry.manifest import MODEL_FILE, FileRecord, Manifest

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # constants of Linux's renameat2


def write_checkpoint(
    folder: Path | str, manifest: Manifest, files: Mapping[str, bytes], *, replace: bool = False
) -> Checkpoint:
    """Write the files and their manifest into a new folder; returns the checkpoint.

    The manifest's `files` are computed here. Everything is checked first: the manifest against its schema,
    `model.pt` by `check_archive`, and the manifest inside `model.pt`, which must be
    `manifest.to_json(with_files=False)`. The files are written to a temporary folder, the manifest last, and
    moved into place in one step. Writing the same content again does nothing.

    Raises `CheckpointExists` when the folder holds another checkpoint, unless `replace` is true, or anything
    else; `ManifestInvalid` or `CheckpointDamaged` when manifest and files do not fit together.
    """
    folder = Path(folder)
    records = {
        name: FileRecord(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())
    }
    manifest = manifest.with_files(records)
    manifest.check()
    result = Checkpoint(folder, manifest, folder.parent.name)
    result.check_embedded(check_archive(files[MODEL_FILE]))
    if _holds_same(folder, manifest):
        return result
    _refuse_overwriting(folder, replace)

    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent, f".{folder.name}-") as staging:
        for name, data in files.items():
            write_flushed(staging / name, data)
        write_flushed(staging / MANIFEST_FILE, manifest.to_json().encode())
        _move_into_place(staging, folder)
    return result


def _holds_same(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds this checkpoint, byte for byte."""
    if not (folder / MANIFEST_FILE).is_file():
        return False
    try:
        existing = open_checkpoint(folder, "")
        if existing.manifest.to_json() != manifest.to_json():
            return False
        for name in manifest.files:
            existing.read_verified(name)
    except RegistryError:
        return False
    return True


def _refuse_overwriting(folder: Path, replace: bool) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CheckpointExists("The path for the checkpoint's folder is a link or a file.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MANIFEST_FILE).exists():
        raise CheckpointExists("The folder for the checkpoint holds other files; choose a new one.")
    if not replace:
        raise CheckpointExists(
            "This folder holds another checkpoint already; give the new one a new version and folder."
        )


def _move_into_place(staging: Path, folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if _exchange(staging, folder):
            return  # the old checkpoint is now in the temporary folder and is removed with it
        backup = _hidden_sibling(folder)
        os.replace(folder, backup)
        try:
            os.replace(staging, folder)
        except OSError:
            os.replace(backup, folder)
            raise
        shutil.rmtree(backup)
        return
    if folder.exists():
        folder.rmdir()
    os.replace(staging, folder)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step, so that a killed process leaves one in place; False where it failed.

    Only Linux can do this.
    """
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)


def _hidden_sibling(folder: Path) -> Path:
    """An unused path beside the folder that starts with a dot, so that registries skip it."""
    return folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
