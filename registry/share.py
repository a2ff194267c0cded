"""`python -m registry.share`: store a checkpoint's weights as differences from those of another beside it.

The bundled checkpoints are stored so. A checkpoint that is pushed or exported is always complete.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from registry.checkpoint import WEIGHTS_FILE
from registry.delta import SUFFIX, make_delta, parse_delta
from registry.errors import RegistryError
from registry.files import write_atomically
from registry.folder import open_checkpoint
from registry.manifest import MODEL_FILE


def share(folder: Path, base: Path) -> None:
    """Replace `model.pt` and `model.safetensors` of `folder` by deltas to those of `base` beside it.

    Both checkpoints are verified, and each delta is tried before the file that it stands for is removed.
    What is a delta already stays. Raises `CheckpointDamaged`, `ManifestInvalid`, or `ValueError` when the
    folders do not lie beside each other or `base` has no such files.
    """
    folder, base = folder.resolve(), base.resolve()
    if folder.parent != base.parent or folder == base:
        raise ValueError("The two checkpoints have to be different folders beside each other.")
    checkpoint, other = open_checkpoint(folder, folder.name), open_checkpoint(base, base.name)
    for name in (MODEL_FILE, WEIGHTS_FILE):
        path = folder / name
        if not path.exists():
            continue
        if not (base / name).exists():
            raise ValueError(f"The checkpoint {other.ref} does not hold {name} as a file of its own.")
        data, base_data = checkpoint.read_verified(name), other.read_verified(name)
        delta = make_delta(base.name, base_data, data)
        if parse_delta(delta, len(data)).apply(base_data) != data:
            raise ValueError(f"The delta of {name} does not give the file back.")
        write_atomically(folder / (name + SUFFIX), delta, durable=True)
        path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    description = "Store the weights of a checkpoint as differences from those of another."
    parser = argparse.ArgumentParser(prog="python -m registry.share", description=description)
    parser.add_argument("folder", type=Path, help="the checkpoint whose weights are stored as differences")
    parser.add_argument("base", type=Path, help="the checkpoint beside it that keeps its files")
    args = parser.parse_args(arguments)
    try:
        share(args.folder, args.base)
    except (RegistryError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
