"""Discovery of the scans of a source: LiTS, a Decathlon task, pictures with masks, or phantoms."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from train.data.folds import LITS_GROUP, LITS_SHARED_PATIENTS
from train.data.prepare.pictures import LitsPictures, PicturePairs
from train.data.prepare.scans import NiftiPair, PhantomScan, ScanSource, parse_name
from train.data.prepare.settings import PrepareSettings
from train.errors import TrainError

LITS_LICENCE = (
    "LiTS training data: CC BY-NC-ND 4.0; the same scans are in the Medical Segmentation "
    "Decathlon, Task03_Liver, under CC BY-SA 4.0"
)
LITS_CITATION = (
    "Bilic et al., The Liver Tumor Segmentation Benchmark (LiTS), Medical Image Analysis 84 (2023) 102680"
)
NOT_STATED = "not stated"

_NIFTI = re.compile(r"(.+?)\.nii(\.gz)?$", re.IGNORECASE)
_LITS = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?$", re.IGNORECASE)
_LITS_PICTURE = re.compile(r"volume-(\d+)_(\d+)\.png", re.IGNORECASE)
_LITS_MASK = re.compile(r"segmentation-(\d+)_(liver|lesion)mask_(\d+)\.png", re.IGNORECASE)
_LITS_NAME = re.compile(r"volume-(\d+)[-_]", re.IGNORECASE)
_PICTURES = (".png", ".jpg", ".jpeg")
_MASK_FOLDERS = ("masks", "labels")


@dataclass(frozen=True)
class ScanCollection:
    """The scans of a source, with its name, licence and citation."""

    name: str
    licence: str
    citation: str
    scans: tuple[ScanSource, ...]  # in natural order of their identifiers
    problems: tuple[str, ...] = ()  # a sentence for each scan that is left out
    groups: dict[str, str] = field(default_factory=dict)  # scan -> group, where known for this source


def natural_key(scan: str) -> tuple:
    """Sort key that puts scan 9 before scan 10.

    >>> sorted(["10", "9", "a2", "a10"], key=natural_key)
    ['9', '10', 'a2', 'a10']
    """
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", scan))


def find_scans(source: str, settings: PrepareSettings) -> ScanCollection:
    """All scans of `source`, a folder or `phantom:N`. Raises `TrainError` if it is not a known source."""
    if source.startswith("phantom:"):
        return _phantoms(source)
    folder = Path(source)
    if not folder.is_dir():
        raise TrainError(f"{folder} is not a folder.")
    name = folder.resolve().name
    if settings.masks is not None:
        return _pictures(name, folder, Path(settings.masks), settings.conversion.scan_pattern)
    if (folder / "imagesTr").is_dir():
        return _decathlon(folder)
    masks = next((folder / m for m in _MASK_FOLDERS if (folder / m).is_dir()), None)
    if (folder / "images").is_dir() and masks is not None:
        return _pictures(name, folder / "images", masks, settings.conversion.scan_pattern)
    if next(folder.rglob("segmentation-*mask_*.png"), None) is not None:
        return _lits_pictures(folder)
    return _lits(folder)


def _lits_pictures(folder: Path) -> ScanCollection:
    """Pictures volume-N_i.png with segmentation-N_livermask_i.png and segmentation-N_lesionmask_i.png.

    This is the layout of the dataset lits-png on Kaggle. The files may lie at any depth below the folder.
    """
    files: dict[tuple[str, str, int], Path] = {}  # by kind, scan and slice
    problems: dict[str, str] = {}  # by scan
    scans: dict[str, set[int]] = defaultdict(set)
    for path in sorted(folder.rglob("*.png")):
        if match := _LITS_PICTURE.fullmatch(path.name):
            kind, number, index = "picture", match[1], match[2]
        elif match := _LITS_MASK.fullmatch(path.name):
            kind, number, index = match[2].lower(), match[1], match[3]
        else:
            continue
        scan = str(int(number))
        if (kind, scan, int(index)) in files:
            problems[scan] = f"Scan {scan} is left out: {path.name} exists more than once."
        files[kind, scan, int(index)] = path
        scans[scan].add(int(index))
    found = []
    for scan in sorted(scans, key=natural_key):
        wanted = [
            (index, *(files.get((kind, scan, index)) for kind in ("picture", "liver", "lesion")))
            for index in sorted(scans[scan])
        ]
        incomplete = next((index for index, *paths in wanted if None in paths), None)
        if incomplete is not None:
            problems.setdefault(
                scan, f"Scan {scan} is left out: slice {incomplete} lacks its picture or one of its masks."
            )
        if scan not in problems:
            found.append(LitsPictures(scan, tuple(wanted)))
    groups = {one.scan: LITS_GROUP for one in found if one.scan in LITS_SHARED_PATIENTS}
    name = folder.resolve().name
    return ScanCollection(name, LITS_LICENCE, LITS_CITATION, tuple(found), tuple(problems.values()), groups)


def _lits(folder: Path) -> ScanCollection:
    """Pairs of volume-N.nii and segmentation-N.nii at any depth below the folder."""
    volumes: dict[str, list[Path]] = defaultdict(list)
    references: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.nii*")):
        match = _LITS.fullmatch(path.name)
        if match and path.is_file():
            files = volumes if match.group(1).lower() == "volume" else references
            files[str(int(match.group(2)))].append(path)
    if not volumes:
        raise TrainError(
            f"{folder} contains neither volume-N.nii with segmentation-N.nii, nor imagesTr with labelsTr, "
            "nor images with masks or labels, nor the pictures of lits-png."
        )
    scans, problems = [], []
    for number in sorted({*volumes, *references}, key=natural_key):
        counts = len(volumes[number]), len(references[number])
        if counts == (1, 1):
            scans.append(NiftiPair(number, volumes[number][0], references[number][0], int(number)))
        elif 0 in counts:
            missing = "volume" if counts[0] == 0 else "segmentation"
            problems.append(f"Scan {number} is left out: there is no {missing}-{number}.nii.")
        else:
            duplicates = (volumes if counts[0] > 1 else references)[number]
            paths = " and ".join(str(path.relative_to(folder)) for path in duplicates[:2])
            problems.append(f"Scan {number} is left out: it exists more than once, as {paths}.")
    groups = {scan.scan: LITS_GROUP for scan in scans if scan.scan in LITS_SHARED_PATIENTS}
    name = folder.resolve().name
    return ScanCollection(name, LITS_LICENCE, LITS_CITATION, tuple(scans), tuple(problems), groups)


def _decathlon(folder: Path) -> ScanCollection:
    """Files of the same name in imagesTr and labelsTr; images may have nnU-Net's suffix `_0000`."""
    images = {_stem(p).removesuffix("_0000"): p for p in _niftis(folder / "imagesTr")}
    labels = {_stem(p): p for p in _niftis(folder / "labelsTr")}
    if not images:
        raise TrainError(f"{folder / 'imagesTr'} contains no NIfTI file.")
    ids = _short_ids([*images, *labels])
    about = _decathlon_description(folder / "dataset.json")
    is_liver = str(about.get("name", "")).lower() == "liver" or folder.resolve().name == "Task03_Liver"
    pairs, problems = [], []
    for stem in sorted({*images, *labels}, key=natural_key):
        if stem in images and stem in labels:
            # The numbers of Task03_Liver are those of LiTS.
            number = int(ids[stem]) if is_liver and ids[stem].isdigit() else None
            pairs.append(NiftiPair(ids[stem], images[stem], labels[stem], number))
        else:
            missing = "labelsTr" if stem in images else "imagesTr"
            problems.append(f"Scan {ids[stem]} is left out: there is no {stem} in {missing}.")
    groups = {p.scan: LITS_GROUP for p in pairs if is_liver and p.scan in LITS_SHARED_PATIENTS}
    licence = LITS_LICENCE if is_liver else str(about.get("licence") or about.get("license") or NOT_STATED)
    citation = LITS_CITATION if is_liver else str(about.get("reference") or NOT_STATED)
    return ScanCollection(folder.resolve().name, licence, citation, tuple(pairs), tuple(problems), groups)


def _pictures(name: str, images: Path, masks: Path, pattern: str) -> ScanCollection:
    """Pictures and masks of the same names, grouped into scans by `pattern`."""
    if not masks.is_dir():
        raise TrainError(f"{masks} is not a folder.")
    try:
        if not {"scan", "index"} <= set(re.compile(pattern).groupindex):
            raise TrainError("--scan-pattern needs the named groups (?P<scan>…) and (?P<index>…).")
    except re.error as error:
        raise TrainError(f"--scan-pattern is not a regular expression: {error}.") from error
    pictures, labels = _by_stem(images, _PICTURES), _by_stem(masks, (".png",))
    if not pictures:
        raise TrainError(f"{images} contains no PNG or JPEG picture.")
    slices: dict[str, list[tuple[int, Path, Path]]] = defaultdict(list)
    incomplete: dict[str, str] = {}  # scan -> why it is left out
    for stem in sorted({*pictures, *labels}, key=natural_key):
        parsed = parse_name(stem, pattern)
        if parsed is None:
            raise TrainError(
                f"The name {stem} does not state its scan and slice, as in volume-10_slice-012; "
                "--scan-pattern defines how names are read."
            )
        scan, index = parsed
        if stem in pictures and stem in labels:
            slices[scan].append((index, pictures[stem], labels[stem]))
        else:
            missing = "mask" if stem in pictures else "picture"
            incomplete.setdefault(scan, f"Scan {scan} is left out: {stem} has no {missing}.")
    for scan, members in slices.items():
        if max(Counter(index for index, *_ in members).values()) > 1:
            incomplete.setdefault(
                scan, f"Scan {scan} is left out: some of its pictures share a slice number."
            )
    scans = tuple(
        PicturePairs(scan, tuple(sorted(slices[scan])))
        for scan in sorted(set(slices) - set(incomplete), key=natural_key)
    )
    lits = {scan for scan, members in slices.items() if _LITS_NAME.match(members[0][1].name)}
    groups = dict.fromkeys(sorted(lits & LITS_SHARED_PATIENTS), LITS_GROUP)
    return ScanCollection(name, NOT_STATED, NOT_STATED, scans, tuple(incomplete.values()), groups)


def _phantoms(source: str) -> ScanCollection:
    """The scans of `phantom:N`."""
    count = source.removeprefix("phantom:")
    if not count.isdigit() or int(count) < 1:
        raise TrainError("Give the number of phantoms, as in phantom:200.")
    scans = tuple(PhantomScan(str(number)) for number in range(int(count)))
    return ScanCollection("phantoms", "Apache-2.0", "Procedural phantoms, liverseg phantom", scans)


def _stem(path: Path) -> str:
    """The name of a NIfTI file without `.nii` or `.nii.gz`."""
    return _NIFTI.fullmatch(path.name).group(1)  # type: ignore[union-attr]


def _niftis(folder: Path) -> list[Path]:
    """NIfTI files of a folder, without the hidden files in some archives (`._liver_1.nii.gz`)."""
    if not folder.is_dir():
        raise TrainError(f"There is no folder {folder}.")
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and _NIFTI.fullmatch(p.name))


def _short_ids(stems: Iterable[str]) -> dict[str, str]:
    """Identifier by stem: the number at its end, or the stem if some numbers are missing or equal.

    >>> _short_ids(["liver_0", "liver_12"]), _short_ids(["a_1", "b_1"])
    ({'liver_0': '0', 'liver_12': '12'}, {'a_1': 'a_1', 'b_1': 'b_1'})
    """
    ends = {stem: re.search(r"(\d+)$", stem) for stem in dict.fromkeys(stems)}
    numbers = [end.group(1) for end in ends.values() if end]
    if len(numbers) == len(ends) == len(set(numbers)):
        return dict(zip(ends, numbers, strict=True))
    return {stem: stem for stem in ends}


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files of a folder with one of the suffixes, by stem, without hidden files."""
    files = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    return {p.stem: p for p in files if p.suffix.lower() in suffixes}


def _decathlon_description(path: Path) -> dict:
    """The content of a task's `dataset.json`; empty if there is none."""
    try:
        about = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise TrainError(f"{path} cannot be read.") from error
    return about if isinstance(about, dict) else {}
