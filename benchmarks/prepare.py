"""How long `prepare` takes beside the usual script, on a phantom volume; the pixels must be the same.

The usual script loads float64 with nibabel's `get_fdata`, windows slice by slice and saves with Pillow,
in one process. A second one that saves with OpenCV, whose PNG writer is faster, is measured too. Ours
is measured as the conversion alone and as the whole of `prepare`, with tables, statistics and plots.

example:
  python benchmarks/prepare.py --slices 119 --repeats 5
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from liverseg import phantom  # noqa: E402
from liverseg.ct import NativeGrid  # noqa: E402
from liverseg.geometry import nearest_axes  # noqa: E402
from train.preparing import Conversion, PrepareSettings, prepare  # noqa: E402
from train.preparing.parallel import convert_all, default_jobs  # noqa: E402
from train.preparing.records import Records  # noqa: E402
from train.preparing.sources import find_source  # noqa: E402

LOW_HU, WIDTH_HU = -160.0, 400.0  # the window 40/400


def make_source(folder: Path, slices: int, made: int, side: int) -> None:
    """A LiTS folder with one volume of `slices` slices; `made` different ones are drawn and repeated."""
    drawn = phantom.make("volume", seed=3, size=side, slices=made)
    order = np.arange(slices) * made // slices
    rng = np.random.default_rng(0)  # a repeated slice gets noise of its own, or gzip would find it again
    hu = drawn.hu[order] + rng.normal(0, 4, (slices, side, side)).astype(np.float32)
    between = drawn.spacing_mm[0] * made / slices
    affine = np.diag([-drawn.spacing_mm[2], -drawn.spacing_mm[1], between, 1.0])
    for name, values, dtype in (
        ("volume-0", hu, np.int16),
        ("segmentation-0", drawn.labels[order], np.uint8),
    ):
        voxels = np.ascontiguousarray(np.rint(values).astype(dtype).transpose(2, 1, 0))
        nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / f"{name}.nii.gz")


def usual(source: Path, out: Path, save: Callable[[Path, np.ndarray], None]) -> None:
    """The usual script: everything in float64, one slice after the other."""
    for folder in ("images", "labels"):
        (out / folder).mkdir(parents=True)
    image = nibabel.load(source / "volume-0.nii.gz")
    axes, flipped = nearest_axes(image.affine[:3, :3])
    grid = NativeGrid(image.shape, axes, flipped)
    volume = grid.to_radiological(image.get_fdata())
    labels = grid.to_radiological(nibabel.load(source / "segmentation-0.nii.gz").get_fdata())
    for index in range(len(volume)):
        unit = np.clip((volume[index] - LOW_HU) / WIDTH_HU, 0, 1)
        name = f"scan-0_slice-{index:03d}.png"
        save(out / "images" / name, (unit * 255 + 0.5).astype(np.uint8))
        save(out / "labels" / name, labels[index].astype(np.uint8))


def save_with_pillow(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def save_with_opencv(path: Path, values: np.ndarray) -> None:
    cv2.imwrite(str(path), values)


def convert_only(source: Path, out: Path, settings: PrepareSettings) -> None:
    """Our conversion and its records, without tables and plots."""
    Records(out).open(settings.conversion, "benchmark", overwrite=False)
    found = find_source(str(source), settings)
    for _, result in convert_all(found.scans, out, settings.conversion, settings.jobs):
        assert not isinstance(result, str), result


def cpu_s() -> float:
    """Processor seconds of this process and of those it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(variants: dict[str, Callable[[Path], None]], repeats: int, work: Path) -> dict[str, dict]:
    """Medians of wall and processor time of each variant, all in turn, and what each wrote last."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, run in variants.items():
            shutil.rmtree(work / name, ignore_errors=True)
            wall, cpu = time.perf_counter(), cpu_s()
            run(work / name)
            times[name].append((time.perf_counter() - wall, cpu_s() - cpu))
    return {
        name: {
            "wall_s": statistics.median(w for w, _ in all_),
            "cpu_s": statistics.median(c for _, c in all_),
        }
        for name, all_ in times.items()
    }


def equal_pixels(a: Path, b: Path) -> int:
    """Pictures compared, all equal; exits where two differ."""
    pictures = sorted(path.relative_to(a) for path in a.rglob("*.png") if path.parent != a)
    others = sorted(path.relative_to(b) for path in b.rglob("*.png") if path.parent != b)
    if pictures != others:
        sys.exit(f"{a.name} and {b.name} hold different files.")
    for path in pictures:
        first, second = (cv2.imread(str(folder / path), cv2.IMREAD_UNCHANGED) for folder in (a, b))
        if not np.array_equal(first, second):
            sys.exit(f"{path} differs between {a.name} and {b.name}.")
    return len(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slices", type=int, default=119)
    parser.add_argument("--made", type=int, default=8, help="different slices among them (default 8)")
    parser.add_argument("--side", type=int, default=512, help="rows and columns (default 512)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=default_jobs())
    args = parser.parse_args()
    cv2.setNumThreads(0)
    settings = PrepareSettings(Conversion(empty_share=1.0), jobs=args.jobs)
    with tempfile.TemporaryDirectory() as folder:
        source, work = Path(folder, "source"), Path(folder, "out")
        source.mkdir()
        make_source(source, args.slices, min(args.made, args.slices), args.side)
        variants: dict[str, Callable[[Path], None]] = {
            "usual script, Pillow": lambda out: usual(source, out, save_with_pillow),
            "usual script, OpenCV": lambda out: usual(source, out, save_with_opencv),
            "prepare, conversion": lambda out: convert_only(source, out, settings),
            "prepare, everything": lambda out: prepare(str(source), out, settings) and None,
        }
        for run in list(variants.values())[-1:]:  # imports and font caches are not what is measured
            run(work / "warm-up")
        measured = measure(variants, args.repeats, work)
        first, *others = variants
        compared = [equal_pixels(work / first, work / other) for other in others][0]
    _report(measured, first, compared, args)


def _report(measured: dict[str, dict], first: str, compared: int, args: argparse.Namespace) -> None:
    for one in measured.values():
        one["ratio_wall"] = one["wall_s"] / measured[first]["wall_s"]
        one["ratio_cpu"] = one["cpu_s"] / measured[first]["cpu_s"]
    size = f"{args.side} × {args.side} × {args.slices}, {compared} pictures equal pixel by pixel"
    print(f"\n{size}, {args.jobs} jobs, {os.cpu_count()} processors, median of {args.repeats}\n")
    print(f"| {'variant':<22} | wall s | CPU s | wall, of the first | CPU, of the first |")
    print(f"| {'-' * 22} | -----: | ----: | -----------------: | ----------------: |")
    for name, one in measured.items():
        print(
            f"| {name:<22} | {one['wall_s']:6.2f} | {one['cpu_s']:5.2f} | {one['ratio_wall']:18.2f} | "
            f"{one['ratio_cpu']:17.2f} |"
        )
    rounded = {name: {k: round(v, 3) for k, v in one.items()} for name, one in measured.items()}
    print("\n" + json.dumps({"size": size, "jobs": args.jobs, "repeats": args.repeats, "variants": rounded}))


if __name__ == "__main__":
    main()
