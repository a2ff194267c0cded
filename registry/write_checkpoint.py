"""Write a checkpoint folder so that it is there whole or not at all."""

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
from registry.files import temporary_folder
from registry.folder import MANIFEST_FILE, open_checkpoint
from registry.manifest import MODEL_FILE, FileRecord, Manifest

_HERE, _RENAME_EXCHANGE = -100, 2  # of renameat2


def write_checkpoint(
    folder: Path | str, manifest: Manifest, files: Mapping[str, bytes], *, replace: bool = False
) -> Checkpoint:
    """Writes the files and their manifest into a new folder; returns the checkpoint.

    The manifest's `files` are computed here. Everything is checked first: the manifest by
    its schema, `model.pt` by `check_archive`, and the manifest inside it (save it there with
    `manifest.to_json(with_files=False)`). The files are written beside the folder, the
    manifest last, and moved there in one step. Writing the same content again does nothing;
    another checkpoint in its place raises `CheckpointExists` unless `replace` is true, and a
    folder with anything else in it always does. Raises `ManifestInvalid` or
    `CheckpointDamaged` when the parts do not fit together.
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
            _write(staging / name, data)
        _write(staging / MANIFEST_FILE, manifest.to_json().encode())
        _move_into_place(staging, folder)
    return result


def _holds_same(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds this very checkpoint, every byte of it."""
    if not (folder / MANIFEST_FILE).is_file():
        return False
    try:
        there = open_checkpoint(folder, "")
        if there.manifest.to_json() != manifest.to_json():
            return False
        for name in manifest.files:
            there.read_verified(name)
    except RegistryError:
        return False
    return True


def _refuse_overwriting(folder: Path, replace: bool) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CheckpointExists("A link or a file stands where the checkpoint's folder was to be written.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MANIFEST_FILE).exists():
        raise CheckpointExists("The folder for the checkpoint holds other files; name a new one.")
    if not replace:
        raise CheckpointExists(
            "Another checkpoint stands in this folder already; give the new one a new version and folder."
        )


def _move_into_place(staging: Path, folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if _exchanged(staging, folder):
            return  # the other one is in the temporary folder now, and goes with it
        aside = _hidden_sibling(folder)
        os.replace(folder, aside)
        try:
            os.replace(staging, folder)
        except OSError:
            os.replace(aside, folder)
            raise
        shutil.rmtree(aside)
        return
    if folder.exists():
        folder.rmdir()
    os.replace(staging, folder)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two folders could be exchanged in one step, so that a kill finds one in place (Linux)."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _write(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _hidden_sibling(folder: Path) -> Path:
    """A free name in the same file system that a registry skips."""
    return folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
