"""What is done already: a record a scan, written once its slices are, so that a run can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from registry.files import write_atomically
from train.data.prepare.scans import ScanSource
from train.data.prepare.settings import Conversion
from train.errors import TrainError

_VERSION = 1  # of what a conversion writes; a new one does not go on with an old folder


@dataclass(frozen=True)
class ScanRecord:
    """One scan as it was written: its rows of `slices.csv`, without the split, and its statistics."""

    scan: str
    rows: tuple[dict, ...]  # slice, index, liver_px, tumour_px
    slices: int
    height: int
    width: int
    annotated_slices: int
    organ_voxels: int  # liver with its tumours
    liver_voxels: int  # without them
    tumour_voxels: int
    lesions: int | None  # None where slices are missing in between
    largest_lesion_voxels: int | None
    liver_hu_mean: float | None  # of the liver without tumours
    liver_hu_percentiles: tuple[float | None, ...]  # 5, 50, 95
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns
    geometry: str  # "header" | "false" | "unknown"
    reoriented: str  # axes turned because the header could not be believed
    sha256: dict[str, str]  # "volume", "reference" -> of the sources; empty of a phantom
    warnings: tuple[str, ...]


class Records:
    """The records below a dataset folder, in `.prepare`."""

    def __init__(self, out: Path) -> None:
        self.out, self._folder = out, out / ".prepare"

    def open(self, conversion: Conversion, source: str, overwrite: bool) -> None:
        """Begin, or go on with, a folder. Raises `TrainError` for a folder that is not ours, or that was
        begun with other settings and is not to be overwritten."""
        noted_now = json.dumps({"version": _VERSION, "source": source, **conversion.to_json()}, indent=1)
        settings = json.loads(noted_now)
        noted = self._folder / "settings.json"
        if not noted.exists():
            if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
                raise TrainError(
                    f"{self.out} holds files that prepare did not write; name an empty or a new folder."
                )
        elif (begun := json.loads(noted.read_text(encoding="utf-8"))) != settings:
            differing = ", ".join(sorted(key for key in settings if begun.get(key) != settings[key]))
            if not overwrite:
                raise TrainError(
                    f"{self.out} was begun with other settings ({differing}); name another folder, or start "
                    "over with --overwrite."
                )
            for name in ("images", "labels", ".prepare"):
                shutil.rmtree(self.out / name, ignore_errors=True)
        for folder in (self.out / "images", self.out / "labels", self._folder / "scans"):
            folder.mkdir(parents=True, exist_ok=True)
        write_atomically(noted, noted_now.encode())

    def load(self, source: ScanSource) -> ScanRecord | None:
        """The record of a scan, if its files still are what they were."""
        try:
            noted = json.loads(self._path(source.scan).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if noted.pop("files") != _stamps(source.files):
            return None
        for key in ("rows", "liver_hu_percentiles", "warnings"):
            noted[key] = tuple(noted[key])
        if noted["spacing_mm"] is not None:
            noted["spacing_mm"] = tuple(noted["spacing_mm"])
        return ScanRecord(**noted)

    def save(self, source: ScanSource, record: ScanRecord) -> None:
        """Note that a scan is done. The file appears whole or not at all."""
        noted = {"files": _stamps(source.files), **asdict(record)}
        write_atomically(self._path(source.scan), json.dumps(noted).encode())

    def remove_leftovers(self, records: Iterable[ScanRecord]) -> None:
        """Delete slices of scans that are not, or no longer, part of the dataset."""
        records = list(records)
        names = {f"{row['slice']}.png" for record in records for row in record.rows}
        for folder in ("images", "labels"):
            for path in (self.out / folder).glob("scan-*_slice-*.png"):
                if path.name not in names:
                    path.unlink()
        kept = {self._path(record.scan) for record in records}
        for path in (self._folder / "scans").iterdir():
            if path not in kept:
                path.unlink()

    def _path(self, scan: str) -> Path:
        return self._folder / "scans" / f"{scan}.json"


def _stamps(files: Iterable[Path]) -> list[list]:
    """Name, bytes and time of change of each file."""
    stats = ((path.name, path.stat()) for path in files)
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
