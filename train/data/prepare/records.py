"""Records of converted scans: each is written after the slices of its scan, so a run can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from registry.files import write_atomically
from train.data.prepare.scans import ScanSource
from train.data.prepare.settings import ConversionSettings
from train.errors import TrainError

_VERSION = 1  # Bump when conversion writes different files; a folder of another version is not resumed.


@dataclass(frozen=True)
class ScanRecord:
    """One converted scan: its rows of `slices.csv`, without the split, and its statistics."""

    scan: str
    rows: tuple[dict, ...]  # slice, index, liver_px, tumour_px
    slices: int
    height: int
    width: int
    annotated_slices: int
    organ_voxels: int  # liver and tumours
    liver_voxels: int  # without tumours
    tumour_voxels: int
    lesions: int | None  # None if slices between the first and the last are missing
    largest_lesion_voxels: int | None
    liver_hu_mean: float | None  # liver without tumours; None without liver
    liver_hu_percentiles: tuple[float | None, ...]  # 5th, 50th, 95th
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns
    geometry: str  # "header" | "false" | "unknown"
    # How it was turned, or "": for a wrong header "rows", "columns" or "rows+columns"; for pictures a name in
    # `liverseg.analysis.plausibility.orientation_check.TRANSFORMS`
    reoriented: str
    sha256: dict[str, str]  # of the source files, keys "volume" and "reference"; empty for a phantom
    warnings: tuple[str, ...]


class RecordStore:
    """The records in the sub-folder `.prepare` of a dataset folder."""

    def __init__(self, out: Path) -> None:
        """`out` is the dataset folder."""
        self.out, self._folder = out, out / ".prepare"

    def open(self, conversion: ConversionSettings, source: str, overwrite: bool) -> None:
        """Start or resume a dataset folder; `source` names the kind of source.

        Raises `TrainError` for a folder that `prepare` did not write. It is also raised for a folder with
        other settings unless `overwrite` is set; then its slices and records are deleted.
        """
        content = json.dumps({"version": _VERSION, "source": source, **conversion.to_json()}, indent=1)
        settings = json.loads(content)
        settings_file = self._folder / "settings.json"
        if not settings_file.exists():
            if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
                raise TrainError(
                    f"{self.out} contains files that prepare did not write; name an empty or a new folder."
                )
        elif (previous := _previous(settings_file)) != settings:
            differing = ", ".join(sorted(key for key in settings if previous.get(key) != settings[key]))
            if not overwrite:
                raise TrainError(
                    f"{self.out} was started with other settings ({differing}); name another folder, or "
                    "start over with --overwrite."
                )
            for name in ("images", "labels", ".prepare"):
                shutil.rmtree(self.out / name, ignore_errors=True)
        for folder in (self.out / "images", self.out / "labels", self._folder / "scans"):
            folder.mkdir(parents=True, exist_ok=True)
        write_atomically(settings_file, content.encode())

    def load(self, source: ScanSource) -> ScanRecord | None:
        """The record of a scan; None if there is none or a source file has changed since."""
        try:
            fields = json.loads(self._path(source.scan).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if fields.pop("files") != _file_stamps(source.files):
            return None
        for key in ("rows", "liver_hu_percentiles", "warnings"):
            fields[key] = tuple(fields[key])
        if fields["spacing_mm"] is not None:
            fields["spacing_mm"] = tuple(fields["spacing_mm"])
        return ScanRecord(**fields)

    def save(self, source: ScanSource, record: ScanRecord) -> None:
        """Save the record of a converted scan, atomically."""
        fields = {"files": _file_stamps(source.files), **asdict(record)}
        write_atomically(self._path(source.scan), json.dumps(fields).encode())

    def remove_leftovers(self, records: Iterable[ScanRecord]) -> None:
        """Delete all slices and scan records that do not belong to `records`."""
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


def _previous(settings_file: Path) -> dict:
    """The settings of an earlier run; a setting that it did not have yet has its default."""
    return {"keep_orientation": False, **json.loads(settings_file.read_text(encoding="utf-8"))}


def _file_stamps(files: Iterable[Path]) -> list[list]:
    """Name, size in bytes and modification time in ns of each file."""
    stats = ((path.name, path.stat()) for path in files)
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
