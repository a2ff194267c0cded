"""The k-th hostile input of a seed: always the same, whoever makes it and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing import archive_lies, damage, dicom_bombs, dicom_lies, nifti_lies, picture_lies
from fuzzing.seeds import CANARY, seeds

SUFFIXES = (".png", ".jpg", ".nii", ".nii.gz", ".dcm", ".zip", ".exe", ".dcm.gz", "", ".html", ".png.zip")
RARE_SHARE = 0.004
"""Of the inputs, those that are large or slow: bombs and floods."""

_LIES: tuple[tuple[str, Callable[[random.Random], tuple[str, bytes]]], ...] = (
    ("nifti", nifti_lies.lying_nifti),
    ("picture", picture_lies.lying_picture),
    ("dicom", dicom_lies.lying_dicom),
    ("dicom", dicom_lies.lying_dicom),
    ("zip", archive_lies.lying_archive),
)
_RARE = {
    f"{name}: {kind}": make
    for name, kinds in (
        ("nifti", nifti_lies.RARE),
        ("picture", picture_lies.RARE),
        ("dicom", dicom_bombs.RARE),
        ("zip", archive_lies.RARE),
    )
    for kind, make in kinds.items()
}


@dataclass(frozen=True)
class Hostile:
    """A made input: the bytes of one file, or of several that are given as a folder or a list."""

    family: str  # what was done, "nifti: sizes"
    files: tuple[bytes, ...]
    suffix: str
    as_folder: bool = False

    def write(self, folder: Path) -> str | list[str]:
        """Write it below an empty folder; returns what to hand to `liverseg.read`."""
        name = CANARY.replace("^", "_")
        if len(self.files) == 1 and not self.as_folder:
            path = folder / f"{name}{self.suffix}"
            path.write_bytes(self.files[0])
            return str(path)
        paths = []
        for k, content in enumerate(self.files):
            path = folder / f"{name}_{k:03d}{self.suffix}"
            path.write_bytes(content)
            paths.append(str(path))
        return str(folder) if self.as_folder else paths


def hostile(seed: int, index: int, rare_share: float = RARE_SHARE) -> Hostile:
    """Input `index` of a seed."""
    rng = random.Random(f"{seed}/{index}")
    chance = rng.random()
    if chance < rare_share:
        family = rng.choice(tuple(_RARE))
        return Hostile(family, (_RARE[family](rng),), rng.choice(SUFFIXES))
    chance = rng.random()
    if chance < 0.33:
        seed_ = rng.choice(seeds())
        other = rng.choice(seeds()).files[-1]
        files = list(seed_.files)
        k = rng.randrange(len(files))
        files[k] = damage.damaged(files[k], rng, other)
        suffix = seed_.suffix if rng.random() < 0.5 else rng.choice(SUFFIXES)
        return Hostile(f"damage: {seed_.kind}", tuple(files), suffix, as_folder=rng.random() < 0.5)
    if chance < 0.36:
        seed_ = rng.choice(seeds())
        return Hostile("wrong extension", seed_.files, rng.choice(SUFFIXES))
    if chance < 0.44:
        kind, several = archive_lies.odd_series(rng)
        return Hostile(f"dicom: {kind}", several, ".dcm", as_folder=rng.random() < 0.5)
    name, lie = rng.choice(_LIES)
    kind, data = lie(rng)
    if rng.random() < 0.1:
        data = damage.damaged(data, rng, rng.choice(seeds()).data)
    return Hostile(f"{name}: {kind}", (data,), rng.choice(SUFFIXES), as_folder=rng.random() < 0.05)
