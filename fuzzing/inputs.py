"""Hostile inputs by seed and index; the same pair always gives the same input."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing import (
    damage,
    dicom_bombs,
    malformed_archives,
    malformed_dicom,
    malformed_frames,
    malformed_nifti,
    malformed_pictures,
    malformed_text_volumes,
    wrappers,
)
from fuzzing.seeds import CANARY, seeds

SUFFIXES = (
    *(".png", ".jpg", ".tiff", ".webp", ".nii", ".nii.gz", ".nrrd", ".mhd", ".dcm", ".zip"),
    *(".exe", ".dcm.gz", "", ".html", ".png.zip"),
)
RARE_SHARE = 0.004
"""Share of inputs that are large or slow: decompression bombs and floods."""

_MALFORMED: tuple[tuple[str, Callable[[random.Random], tuple[str, bytes]]], ...] = (
    ("nifti", malformed_nifti.malformed_nifti),
    ("text volume", malformed_text_volumes.malformed_text_volume),
    ("picture", malformed_pictures.malformed_picture),
    ("dicom", malformed_dicom.malformed_dicom),
    ("dicom", malformed_dicom.malformed_dicom),
    ("dicom", lambda rng: ("lying functional groups", malformed_frames.lying_groups(rng))),
    ("zip", malformed_archives.malformed_archive),
    ("wrapper", wrappers.wrapped),
)
_RARE = {
    f"{name}: {kind}": make
    for name, kinds in (
        ("nifti", malformed_nifti.RARE),
        ("text volume", malformed_text_volumes.RARE),
        ("picture", malformed_pictures.RARE),
        ("dicom", dicom_bombs.RARE),
        ("zip", malformed_archives.RARE),
    )
    for kind, make in kinds.items()
}


@dataclass(frozen=True)
class Hostile:
    """An input: the bytes of one file, or of several files that are passed as a folder or a list."""

    family: str  # format and kind of damage, such as "nifti: sizes"
    files: tuple[bytes, ...]
    suffix: str
    as_folder: bool = False
    links: tuple[wrappers.Link, ...] = ()  # in the folder

    def write(self, folder: Path) -> str | list[str]:
        """Write the files to an empty folder; returns the source for `liverseg.read`.

        Links may lead to a folder beside it, which is written too.
        """
        name = CANARY.replace("^", "_")
        if self.links:
            self._write_links(folder)
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

    def _write_links(self, folder: Path) -> None:
        outside = folder.with_name(f"{folder.name}-outside")
        outside.mkdir()
        for k, content in enumerate(wrappers.outside_files()):
            (outside / str(k)).write_bytes(content)
        for link, target in self.links:
            (folder / link).symlink_to(target.replace("OUTSIDE", str(outside)))


def hostile(seed: int, index: int, rare_share: float = RARE_SHARE) -> Hostile:
    """The input `index` of a seed; `rare_share` is the share of bombs and floods."""
    rng = random.Random(f"{seed}/{index}")
    chance = rng.random()
    if chance < rare_share:
        family = rng.choice(tuple(_RARE))
        return Hostile(family, (_RARE[family](rng),), rng.choice(SUFFIXES))
    chance = rng.random()
    if chance < 0.33:
        valid = rng.choice(seeds())
        other = rng.choice(seeds()).files[-1]
        files = list(valid.files)
        k = rng.randrange(len(files))
        files[k] = damage.damaged(files[k], rng, other)
        suffix = valid.suffix if rng.random() < 0.5 else rng.choice(SUFFIXES)
        return Hostile(f"damage: {valid.kind}", tuple(files), suffix, as_folder=rng.random() < 0.5)
    if chance < 0.36:
        valid = rng.choice(seeds())
        return Hostile("wrong extension", valid.files, rng.choice(SUFFIXES))
    if chance < 0.42:
        kind, files = malformed_archives.malformed_series(rng)
        return Hostile(f"dicom: {kind}", tuple(files), ".dcm", as_folder=rng.random() < 0.5)
    if chance < 0.45:
        files = malformed_frames.rescale_by_slice(rng)
        return Hostile("dicom: rescale by slice", files, ".dcm", as_folder=rng.random() < 0.5)
    if chance < 0.49:
        files = malformed_text_volumes.detached(rng, f"{CANARY.replace('^', '_')}_001.nhdr")
        return Hostile("text volume: detached", files, ".nhdr", as_folder=rng.random() < 0.5)
    if chance < 0.51:
        files, links = wrappers.folder_of_links(rng)
        return Hostile("folder: links", files, ".dcm", as_folder=True, links=links)
    name, make = rng.choice(_MALFORMED)
    kind, data = make(rng)
    if rng.random() < 0.1:
        data = damage.damaged(data, rng, rng.choice(seeds()).data)
    return Hostile(f"{name}: {kind}", (data,), rng.choice(SUFFIXES), as_folder=rng.random() < 0.05)
