"""Wrappers around inputs: folders with links, archives of other formats, archives in archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile

from fuzzing import damage
from fuzzing.seeds import Seed, ct_dataset, dicom_bytes, of_kind, seeds, zipped

OUTSIDE_SERIES = "1.2.826.0.1.3680043.8.498.999"
"""SeriesInstanceUID of the files beside a folder of links; a result must not be made from them."""

Link = tuple[str, str]
"""The name of a link in a folder and its target; "OUTSIDE" is the folder of files that must not be read."""


def wrapped(rng: random.Random) -> tuple[str, bytes]:
    """One file around others, preceded by the kind of wrapper."""
    kind = rng.choice(("zip of other formats", "gzip", "tar", "text", "container"))
    inner = rng.choice(seeds())
    if kind == "zip of other formats":
        kinds = ("nifti", "picture", "zip", "dicom")
        others = of_kind(*rng.choice((kinds[:1], kinds[1:2], kinds[2:3], kinds)))
        chosen = [rng.choice(others) for _ in range(rng.choice((1, 1, 2, 5)))]
        return kind, zipped([(f"{k}{one.suffix}", one.data) for k, one in enumerate(chosen)])
    if kind == "gzip":
        data = gzip.compress(rng.choice((inner.data, _tar(inner), zipped([("a", inner.data)]))), 1, mtime=0)
        return kind, data + rng.choice((b"", b"\0" * 8, b"trailing", data))
    if kind == "tar":
        return kind, rng.choice((_tar(inner), damage.damaged(_tar(inner), rng, inner.data)))
    if kind == "text":
        keys = ["NDims = 3", "DimSize = 96 96 5", "ElementType = MET_SHORT", "ElementDataFile = LOCAL"]
        rng.shuffle(keys)
        meta_image = "\n".join(keys).encode() + b"\n" + inner.data
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
        return kind, rng.choice((meta_image, pointer, b"/annex/objects/K\n"))
    packed = rng.choice((bz2.compress(inner.data), lzma.compress(inner.data)))
    brand = rng.choice((b"avif", b"heic", b"mif1", b"isom", b"\0\0\0\0"))
    boxed = rng.choice((0, 8, 24, 2**32 - 1)).to_bytes(4, "big") + b"ftyp" + brand + inner.data[:2000]
    return kind, rng.choice((packed, boxed, b"II+\0" + inner.data, b"\xff\x0a" + inner.data))


def _tar(seed: Seed) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for k, content in enumerate(seed.files):
            info = tarfile.TarInfo(f"{k}{seed.suffix}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def folder_of_links(rng: random.Random) -> tuple[tuple[bytes, ...], tuple[Link, ...]]:
    """The files of a folder, and links in it: inside, out of it, to nothing, in circles."""
    files = rng.choice((of_kind("series")[0].files, of_kind("series")[0].files[:1], (b"text",)))
    targets = (
        *("OUTSIDE/0", "OUTSIDE/1", "OUTSIDE", "../outside/2", "/etc/passwd", "/dev/zero", "/proc/self/mem"),
        *("nothing", ".", "..", "0", "1", "link0", "link1", "a/../link2", "\n", "x" * 200),
    )
    count = rng.choice((1, 3, 12))
    links = tuple((f"link{k}", rng.choice(targets)) for k in range(count))
    stores = ((".git", "OUTSIDE"), ("blobs", "OUTSIDE"), ("snapshots", "."), ("a", "OUTSIDE"))
    return files, (*links, *rng.sample(stores, rng.choice((0, 1, 2))))


def outside_files() -> tuple[bytes, ...]:
    """A valid series that a link out of the folder leads to."""
    datasets = [ct_dataset(k, "volume") for k in range(3)]
    for dataset in datasets:
        dataset.SeriesInstanceUID = OUTSIDE_SERIES
    return tuple(map(dicom_bytes, datasets))
