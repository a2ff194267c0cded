"""Reading a `.nii.gz` compared with nibabel; preparing a dataset compared with a usual script."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np

import liverseg
from benchmarks.speed import phantom_scan
from benchmarks.speed.peers import need
from benchmarks.speed.phantom_scan import DIFFERENT_SLICES, SIDE, SLICES
from benchmarks.speed.rows import NotMeasured, Ratio, Row
from benchmarks.speed.sections import Context
from benchmarks.speed.timing import in_turn
from liverseg.core.geometry import nearest_axes
from liverseg.core.image import NativeGrid

SCANS = 2
LOW_HU, WIDTH_HU = -160.0, 400.0  # the window 40/400

PILLOW, OPENCV = "usual script, Pillow", "usual script, OpenCV"
OURS, OURS_ONE = "prepare, tables and plots included", "prepare, of one scan alone"


def measure(context: Context) -> list[Row]:
    """The rows for reading a NIfTI file and for preparing a dataset."""
    slices, side, different = (4, 64, 2) if context.quick else (SLICES, SIDE, DIFFERENT_SLICES)
    volume = phantom_scan.scan(slices, different, side)
    ct = phantom_scan.write(volume, context.scratch / "scan", "nifti")
    rows = [_reading(ct, context)]
    try:
        rows.append(_preparing(ct, context))
    except NotMeasured as reason:
        rows.append(Row.unmeasured("reading", "preparing a dataset", str(reason)))
    return rows


def _reading(ct: Path, context: Context) -> Row:
    """Reading HU in radiological orientation with the geometry, against reading the array as stored."""
    variants: dict[str, Callable[[], object]] = {
        "liverseg.read": lambda: liverseg.read(ct),
        "nibabel get_fdata": lambda: nibabel.load(ct).get_fdata(),
    }
    timings = in_turn(variants, 2 if context.quick else 7)
    faster = Ratio(timings.times_faster("liverseg.read", "nibabel get_fdata"), 1.5)
    name = f"reading a .nii.gz of {SIDE} × {SIDE} × {SLICES}"
    return Row(
        "reading", name, "ms", timings.spreads(), {"liverseg.read, times faster than get_fdata": faster}
    )


def _preparing(ct: Path, context: Context) -> Row:
    """Converting scans in the layout of LiTS to slices: the usual script and `train prepare`."""
    preparing = need("train.data.prepare")
    need("matplotlib")
    several, single = (
        _sources(ct, context.scratch / "lits", SCANS),
        _sources(ct, context.scratch / "lits-1", 1),
    )
    settings = preparing.PrepareSettings(preparing.ConversionSettings(empty_share=1.0), jobs=context.threads)
    work = context.scratch / "prepared"

    def run(name: str, source: Path, convert: Callable[[Path, Path], object]) -> Callable[[], None]:
        def run() -> None:
            shutil.rmtree(work / name, ignore_errors=True)
            convert(source, work / name)

        return run

    def prepare(source: Path, out: Path) -> None:
        preparing.prepare(str(source), out, settings)

    variants = {
        PILLOW: run(PILLOW, several, lambda source, out: usual_script(source, out, _save_with_pillow)),
        OPENCV: run(OPENCV, several, lambda source, out: usual_script(source, out, _save_with_opencv)),
        OURS: run(OURS, several, prepare),
        "usual script, Pillow, of one scan": run(
            "one", single, lambda source, out: usual_script(source, out, _save_with_pillow)
        ),
        OURS_ONE: run(OURS_ONE, single, prepare),
    }
    timings = in_turn(variants, 1 if context.quick else 3, budget_s=60)
    equal = equal_pictures(work / PILLOW, work / OURS)
    faster = timings.times_faster
    return Row(
        "reading",
        "preparing a dataset",
        "s",
        timings.spreads(1.0),
        {
            "prepare, times faster than the usual script": Ratio(faster(OURS, PILLOW), 3.0),
            "prepare, times faster than the usual script with OpenCV's PNG": Ratio(faster(OURS, OPENCV)),
            "of one scan alone, times faster": Ratio(faster(OURS_ONE, "usual script, Pillow, of one scan")),
        },
        note=f"{SCANS} scans of {SIDE} × {SIDE} × {SLICES} with labels; {equal} pictures equal by pixel",
    )


def _sources(ct: Path, folder: Path, count: int) -> Path:
    """A folder in the layout of LiTS with `count` copies of a scan and its labels."""
    folder.mkdir()
    for number in range(count):
        shutil.copy(ct, folder / f"volume-{number}.nii.gz")
        shutil.copy(ct.with_name("labels.nii.gz"), folder / f"segmentation-{number}.nii.gz")
    return folder


def usual_script(source: Path, out: Path, save: Callable[[Path, np.ndarray], None]) -> None:
    """A usual conversion script: everything in float64, one slice after the other."""
    for folder in ("images", "labels"):
        (out / folder).mkdir(parents=True)
    for path in sorted(source.glob("volume-*.nii.gz")):
        number = path.name.removeprefix("volume-").removesuffix(".nii.gz")
        image = nibabel.load(path)
        grid = NativeGrid(image.shape, *nearest_axes(image.affine[:3, :3]))
        volume = grid.to_radiological(image.get_fdata())
        labels = grid.to_radiological(nibabel.load(source / f"segmentation-{number}.nii.gz").get_fdata())
        for index in range(len(volume)):
            unit = np.clip((volume[index] - LOW_HU) / WIDTH_HU, 0, 1)
            name = f"scan-{number}_slice-{index:03d}.png"
            save(out / "images" / name, (unit * 255 + 0.5).astype(np.uint8))
            save(out / "labels" / name, labels[index].astype(np.uint8))


def _save_with_pillow(path: Path, values: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(values).save(path)


def _save_with_opencv(path: Path, values: np.ndarray) -> None:
    cv2.imwrite(str(path), values)


def equal_pictures(a: Path, b: Path) -> int:
    """The number of pictures in two equal datasets. Raises `NotMeasured` where a picture differs."""
    pictures, others = ({p.relative_to(folder) for p in folder.glob("*/*.png")} for folder in (a, b))
    for path in sorted(pictures | others):
        first, second = (cv2.imread(str(folder / path), cv2.IMREAD_UNCHANGED) for folder in (a, b))
        if first is None or second is None or not np.array_equal(first, second):
            raise NotMeasured(f"{path.name} is not the same in both")
    return len(pictures)
