"""The candidate lesions of scans, each with its features and whether it is real: data of a lesion model.

A candidate is what `liverseg.core.lesion_candidates` takes for one: a connected component of the pixels whose
tumour probability reaches the threshold inside the kept liver. In volumes it is 26-connected over the
slices in hand, which need not be consecutive; in single slices it is 8-connected.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from liverseg.analysis.metrics.lesion_detection import NEIGHBOURS_26
from liverseg.core.components import find_components
from liverseg.core.lesion_candidates import candidate_features, candidate_mask
from liverseg.core.lesion_model import FEATURES
from liverseg.core.segmentation import Segmentation
from liverseg.inference.segmenter import Segmenter
from registry.files import write_atomically
from train.errors import TrainError
from train.evaluation.predict import reference_of
from train.evaluation.scan_image import not_a_volume, scan_image
from train.evaluation.scans import ScanSlices

MODES = ("volume", "slice")
"""volume: all slices of a scan together; slice: every slice as a picture of its own."""

SCAN_COLUMNS = ("dataset", "scan", "fold", "mode", "index")
CANDIDATE_COLUMNS = (*SCAN_COLUMNS, "candidate", "voxels", *FEATURES, "real", "overlap", "unknown")
REFERENCE_COLUMNS = (*SCAN_COLUMNS, "lesion", "voxels", "slices", "touched_by")


@dataclass(frozen=True)
class CandidateTables:
    """Rows of the two tables: candidates by `CANDIDATE_COLUMNS`, reference lesions by `REFERENCE_COLUMNS`.

    - index: the slice index of the first slice in which the candidate or the lesion lies
    - candidate, lesion: its number in the scan, or in the slice in slice mode, from 0
    - real: 1 if it shares a pixel with a reference lesion, 0 if not, empty where partial labels leave open
      whether it does
    - overlap, unknown: shares of its voxels in reference lesions, and where the label leaves tumour open
    - touched_by: the numbers of the candidates that share a pixel with the lesion, separated by spaces
    """

    candidates: list[dict]
    lesions: list[dict]

    def __add__(self, other: CandidateTables) -> CandidateTables:
        return CandidateTables(self.candidates + other.candidates, self.lesions + other.lesions)


NO_ROWS = CandidateTables([], [])


def scan_candidates(
    scan: ScanSlices, segmenter: Segmenter, threshold: float, mode: str, fold: int | None = None
) -> CandidateTables:
    """The rows of one scan in one of `MODES`.

    A scan that is no volume (`scan_image.not_a_volume`) has no rows in volume mode.
    """
    if mode == "volume" and not_a_volume(scan):
        return NO_ROWS
    groups = [scan.positions] if mode == "volume" else [(position,) for position in scan.positions]
    tables = NO_ROWS
    for positions in groups:
        image = scan_image(scan, positions[0] if mode == "slice" else None)
        seg = segmenter.segment(image, threshold=threshold)
        tables += _rows(seg, scan, positions, (scan.dataset, scan.scan, fold, mode))
    return tables


def _rows(seg: Segmentation, scan: ScanSlices, positions: Sequence[int], identity: tuple) -> CandidateTables:
    """The rows of one segmentation, whose slices are those at `positions`."""
    probabilities = seg.organ_probability, seg.tumour_probability
    components = find_components(
        lambda z: candidate_mask(seg.labels, probabilities[1], seg.threshold, z), len(seg.labels)
    )
    features = candidate_features(components, seg.labels, *probabilities)
    references = [reference_of(scan.slices.labels[position]) for position in positions]
    lesions, count = ndimage.label(np.stack([r.tumour for r in references]), NEIGHBOURS_26)
    shared = np.zeros((len(components), count), np.int64)
    unknown = np.zeros(len(components), np.int64)
    for z, reference in enumerate(references):
        numbers = components.numbers(z)
        both = (numbers >= 0) & (lesions[z] > 0)
        np.add.at(shared, (numbers[both], lesions[z][both] - 1), 1)
        unknown += np.bincount(numbers[(numbers >= 0) & ~reference.tumour_known], minlength=len(components))
    indices = [scan.slices.rows[position].index for position in positions]
    first = [indices[box[0].start] for box in components.boxes()]
    voxels, hits = components.sizes, shared.sum(axis=1)
    candidates = [
        _named(SCAN_COLUMNS, (*identity, first[k]))
        | {"candidate": k, "voxels": int(voxels[k])}
        | {name: f"{values[k]:.6g}" for name, values in features.items()}
        | {"real": 1 if hits[k] else "" if unknown[k] else 0}
        | {"overlap": f"{hits[k] / voxels[k]:.6g}", "unknown": f"{unknown[k] / voxels[k]:.6g}"}
        for k in range(len(components))
    ]
    sizes = np.bincount(lesions.ravel(), minlength=count + 1)[1:]
    rows = [
        _named(SCAN_COLUMNS, (*identity, indices[box[0].start]))
        | {"lesion": k, "voxels": int(sizes[k]), "slices": box[0].stop - box[0].start}
        | {"touched_by": " ".join(str(c) for c in np.flatnonzero(shared[:, k]))}
        for k, box in enumerate(ndimage.find_objects(lesions))
    ]
    return CandidateTables(candidates, rows)


def _named(columns: Sequence[str], values: Sequence) -> dict:
    return {c: "" if value is None else value for c, value in zip(columns, values, strict=True)}


def reference_file(out: Path) -> Path:
    """The file of the reference lesions beside that of the candidates.

    >>> reference_file(Path("cv/candidates.csv")).as_posix()
    'cv/candidates-reference.csv'
    """
    return out.with_name(f"{out.stem}-reference{out.suffix}")


def write_tables(out: Path, tables: CandidateTables) -> None:
    """Write the candidates to `out` and the reference lesions to `reference_file(out)`.

    Raises `TrainError` if a file cannot be written.
    """
    files = (
        (out, CANDIDATE_COLUMNS, tables.candidates),
        (reference_file(out), REFERENCE_COLUMNS, tables.lesions),
    )
    for path, columns, rows in files:
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.getvalue().encode("utf-8"))
        except OSError as error:
            raise TrainError(f"{path} cannot be written: {error.strerror}.") from error


def counts(tables: CandidateTables, mode: str) -> Iterator[int]:
    """Candidates, real candidates, reference lesions and touched reference lesions in one mode."""
    own = [row for row in tables.candidates if row["mode"] == mode]
    lesions = [row for row in tables.lesions if row["mode"] == mode]
    yield len(own)
    yield sum(row["real"] == 1 for row in own)
    yield len(lesions)
    yield sum(row["touched_by"] != "" for row in lesions)
