"""Suitable and unsuitable inputs for evaluating the plausibility checks, each read like an uploaded file.

Suitable ("good") inputs are slices of the datasets that show liver. The others are public-domain pictures of
libraries, phantoms with the wrong body part, plane or window, slices without liver, and slices with liver
that were turned, mirrored, inverted, cut, or given another window or the contrast of another modality.
"""

from __future__ import annotations

import gzip
import importlib.util
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import nibabel
import numpy as np

import liverseg
from liverseg import phantom
from liverseg.core.image import CTImage
from liverseg.core.window import to_grey
from liverseg.errors import LiversegError
from train.data.dataset import DatasetFolder

USUAL = liverseg.Window(40, 400)
LIVER = liverseg.Window(60, 200)
IN_COLOUR = " in colour"
"""The suffix of the names of colour pictures."""


@dataclass(frozen=True)
class Sampling:
    """Which slices of a dataset become cases."""

    every: int  # each nth slice with liver becomes a good case
    altered_every: int  # each nth slice with liver becomes altered cases; 0: none
    empty_every: int  # each nth slice without liver becomes a case


@dataclass(frozen=True)
class Case:
    """One input. `ct` is None where reading refused it, which counts as flagged."""

    name: str
    kind: str  # "good", or the fault of the input
    source: str  # the scan or picture it was made from; fit and evaluation never share a source
    ct: CTImage | None


def picture(grey: np.ndarray, window: liverseg.Window) -> CTImage | None:
    """A grey (H, W) or RGB (H, W, 3) array, uint8, written as PNG and read with `window`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        cv2.imwrite(str(path), grey if grey.ndim == 2 else grey[..., ::-1])
        return _read(path, window)


def nifti(values: np.ndarray, spacing_mm: float = 0.8) -> CTImage | None:
    """A slice (H, W) in radiological orientation, written as NIfTI and read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice.nii.gz"
        affine = np.diag([-spacing_mm, -spacing_mm, 5.0, 1.0])
        stored = np.ascontiguousarray(np.round(values).astype(np.int16).T[:, :, None])
        nibabel.save(nibabel.Nifti1Image(stored, affine), path)
        return _read(path, None)


def _read(path: Path, window: liverseg.Window | None) -> CTImage | None:
    try:
        return liverseg.read(path, window=window)
    except LiversegError:
        return None


# ---------------------------------------------------------------------------- slices of a dataset


def slices_of(
    folder: DatasetFolder, split: str, scans: set[str] | None
) -> Iterator[tuple[str, str, np.ndarray, bool]]:
    """Name, scan, grey values (H, W) uint8 and presence of liver for each slice of the scans (None: all)."""
    for row in folder.rows:
        if row.split != split or (scans is not None and row.scan not in scans):
            continue
        base = folder.folder / "images" / row.name
        path = base.with_suffix(".png") if base.with_suffix(".png").exists() else base.with_suffix(".jpg")
        label = cv2.imread(str(folder.folder / "labels" / f"{row.name}.png"), cv2.IMREAD_GRAYSCALE)
        yield row.name, row.scan, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), bool((label > 0).any())


def of_dataset(
    folder: DatasetFolder, split: str, scans: set[str] | None, sampling: Sampling
) -> Iterator[Case]:
    """Good slices, altered slices, and slices without liver, of the scans (None: all) of a split."""
    window = folder.window
    shown = empty = 0
    for name, scan, grey, has_liver in slices_of(folder, split, scans):
        if not has_liver:
            empty += 1
            if empty % sampling.empty_every == 0:
                yield Case(name, "no liver", scan, picture(grey, window))
            continue
        shown += 1
        if shown % sampling.every == 0:
            yield Case(name, "good", scan, picture(grey, window))
        if sampling.altered_every and shown % sampling.altered_every == 0:
            label = cv2.imread(str(folder.folder / "labels" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
            yield from altered(name, scan, grey, window, label > 0)


def altered(
    name: str, scan: str, grey: np.ndarray, window: liverseg.Window, liver: np.ndarray
) -> Iterator[Case]:
    """A good slice with each of the usual faults of uploads; `liver` is its mask."""

    def case(kind: str, ct: CTImage | None) -> Case:
        return Case(f"{name} {kind}", kind, scan, ct)

    hu = window.low_hu + grey.astype(np.float32) / 255 * window.width_hu
    yield case("mirrored", picture(grey[:, ::-1], window))
    yield case("upside down", picture(grey[::-1], window))
    yield case("rotated by 90°", picture(np.rot90(grey), window))
    yield case("rotated by 270°", picture(np.rot90(grey, 3), window))
    yield case("rotated by 180°", picture(grey[::-1, ::-1], window))
    yield case("inverted", picture(255 - grey, window))
    yield case("window too wide assumed", picture(grey, liverseg.Window(400, 1800)))
    yield case("lung window assumed", picture(grey, liverseg.Window(-600, 1500)))
    yield case("another window assumed", picture(grey, USUAL))
    yield case("no HU: grey as numbers", nifti(grey))
    yield case("no HU: offset of 1024", nifti(hu + 1024))
    yield case("MR-like, fat bright", picture(_mr_like(grey, 0), window))
    yield case("MR-like, fluid bright", picture(_mr_like(grey, 1), window))
    yield case("cut through the liver", picture(_cut(grey, liver), window))
    yield case(
        "pixels too coarse", nifti(cv2.resize(hu, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), 3.2)
    )


def _mr_like(grey: np.ndarray, which: int) -> np.ndarray:
    """A contrast like that of MR: a grey-value map that is not monotone, with the shading of a coil."""
    u = grey.astype(np.float32) / 255
    body = cv2.morphologyEx((u > 0.08).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8)) > 0
    table = np.array([[0.85, 0.6, 0.35, 0.4, 0.55, 0.3, 0.05], [0.25, 0.95, 0.5, 0.3, 0.2, 0.6, 0.1]][which])
    mapped = np.interp(u, np.linspace(0, 1, 7), table) * body
    y, x = np.mgrid[: u.shape[0], : u.shape[1]] / np.array(u.shape)[:, None, None] - 0.5
    return np.clip(255 * mapped * (0.75 + 0.8 * x + 0.3 * y), 0, 255).astype(np.uint8)


def _cut(grey: np.ndarray, liver: np.ndarray) -> np.ndarray:
    """The picture, cropped so that its left edge runs through the middle of the liver."""
    columns = np.flatnonzero(liver.any(axis=0))
    at = int((columns[0] + columns[-1]) / 2)
    return np.ascontiguousarray(grey[:, min(at, grey.shape[1] - 80) :])


# ------------------------------------------------------------------- pictures of libraries


def library_pictures() -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, kind and array of the sample pictures of scikit-image and matplotlib."""
    for package, below, patterns in (
        ("skimage", "data", ("*.png", "*.jpg")),
        ("matplotlib", "mpl-data/sample_data", ("*.jpg", "*.png")),
    ):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{package} is not installed; pip install -e '.[bench]' brings it.")
        folder = Path(spec.origin).parent / below
        for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None or min(image.shape[:2]) < 64:
                continue
            yield path.stem, "photograph", cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            if np.ptp(image, axis=-1).max() > 16:
                yield path.stem + IN_COLOUR, "photograph", image[..., ::-1]
    packed = Path(importlib.util.find_spec("matplotlib").origin).parent  # type: ignore[union-attr, arg-type]
    with gzip.open(packed / "mpl-data/sample_data/s1045.ima.gz") as stream:
        head = np.frombuffer(stream.read(), np.uint16).reshape(256, 256).astype(np.float32)
    yield "s1045", "MR", (255 * np.clip(head / np.percentile(head, 99.5), 0, 1)).astype(np.uint8)


def library_sources() -> list[str]:
    """The names of the photographs, sorted."""
    names = {name.removesuffix(IN_COLOUR) for name, kind, _ in library_pictures() if kind == "photograph"}
    return sorted(names)


def of_libraries(sources: set[str]) -> Iterator[Case]:
    """The pictures with these names, each read with the two usual windows."""
    for name, kind, image in library_pictures():
        if name.removesuffix(IN_COLOUR) not in sources:
            continue
        for window in (USUAL, LIVER):
            title = f"{name} at {window.center_hu:g}/{window.width_hu:g}"
            yield Case(title, kind, name.removesuffix(IN_COLOUR), picture(image, window))


# ----------------------------------------------------------------------------------- phantoms


def of_phantoms(seeds: range) -> Iterator[Case]:
    """Phantoms: good slices, wrong planes, wrong windows, chests, heads and legs."""
    for seed in seeds:
        volume = phantom.make("volume", seed=seed, size=256, slices=16)
        pixel, thick = volume.spacing_mm[1], volume.spacing_mm[0]
        source = f"phantom {seed}"
        rows = round(len(volume.hu) * thick / pixel)
        for kind, plane in (("coronal", volume.hu[::-1, 110]), ("sagittal", volume.hu[::-1, :, 90])):
            upright = cv2.resize(plane, (256, rows), interpolation=cv2.INTER_LINEAR)
            yield Case(f"{source} {kind}", kind, source, picture(to_grey(upright, USUAL), USUAL))
        liver = (volume.labels > 0).sum(axis=(1, 2))
        for index in (int(liver.argmax()), int(np.flatnonzero(liver > liver.max() / 2)[0])):
            yield Case(
                f"{source} slice {index}", "good", source, picture(to_grey(volume.hu[index], USUAL), USUAL)
            )
            wrong = picture(to_grey(volume.hu[index], USUAL), LIVER)
            yield Case(f"{source} slice {index} at 60/200", "another window assumed", source, wrong)
        for index in np.flatnonzero(liver == 0)[-2:]:  # the highest: chest
            yield Case(f"{source} chest {index}", "chest", source, nifti(volume.hu[index], pixel))
        yield Case(f"{source} head", "head", source, nifti(_head(seed)))
        yield Case(f"{source} legs", "legs", source, nifti(_legs(seed)))


def _ellipse(shape: int, y: float, x: float, ry: float, rx: float) -> np.ndarray:
    yy, xx = np.mgrid[:shape, :shape]
    return ((yy - y) / ry) ** 2 + ((xx - x) / rx) ** 2 < 1


def _noisy(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grain = cv2.GaussianBlur(rng.normal(0, 25, hu.shape).astype(np.float32), (0, 0), 1.0)
    return cv2.GaussianBlur(hu.astype(np.float32), (0, 0), 1.0) + grain


def _head(seed: int) -> np.ndarray:
    """HU of a head: scalp, skull, brain with ventricles."""
    rng = np.random.default_rng([seed, 7])
    ry, rx = rng.uniform(95, 115), rng.uniform(75, 90)
    hu = np.full((256, 256), -1000.0)
    hu[_ellipse(256, 128, 128, ry, rx)] = 10
    hu[_ellipse(256, 128, 128, ry - 6, rx - 6)] = 1100
    hu[_ellipse(256, 128, 128, ry - 14, rx - 14)] = 36
    for side in (-1, 1):
        hu[_ellipse(256, 120, 128 + side * 12, 28, 7)] = 8
    return _noisy(hu, rng)


def _legs(seed: int) -> np.ndarray:
    """HU of two thighs: fat, muscle, femur with marrow."""
    rng = np.random.default_rng([seed, 8])
    hu = np.full((256, 256), -1000.0)
    for side in (-1, 1):
        x = 128 + side * rng.uniform(52, 60)
        r = rng.uniform(44, 50)
        hu[_ellipse(256, 128, x, r, r)] = -95
        hu[_ellipse(256, 128, x, r - 9, r - 9)] = 58
        hu[_ellipse(256, 124, x, 11, 11)] = 900
        hu[_ellipse(256, 124, x, 5, 5)] = -60
    return _noisy(hu, rng)
