"""Results of examples on disk: written once, verified whenever they are read, without pickle.

A file holds a mark, the SHA-256 of the rest, and a zip of arrays (`numpy.savez`) with a JSON header. Its name
is the digest of everything that the result depends on, so that a result of another checkpoint, other rules,
another version of liverseg or other HU is never found.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import liverseg
from liverseg.core.image import CTImage
from liverseg.core.largest_component import RemovedComponents
from liverseg.core.segmentation import CheckpointIdentity, Segmentation, probability_type
from liverseg.inference.rules import RULE_KEYS, inference_rules
from registry import Checkpoint
from registry.files import write_atomically

FORMAT = 2
"""Raised when stored results would be read or computed differently."""

MARK = b"liverseg result of an example\n"
SUFFIX = ".result"
MOST_FILES = 48
"""Results kept in a folder; the ones used longest ago are deleted first."""

_SLACK_BYTES = 2**16  # of the header and of the headers of the arrays

_log = logging.getLogger(__name__)


def digest_of_image(ct: CTImage) -> str:
    """SHA-256 of the HU and the spacing of an image, in hex."""
    digest = hashlib.sha256(json.dumps([ct.shape, ct.spacing_mm]).encode())
    digest.update(np.ascontiguousarray(ct.hu).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class PreparedResults:
    """The results in one folder."""

    folder: Path

    def path(self, image_digest: str, checkpoint: Checkpoint) -> Path:
        """The file of the result of a checkpoint on the image with the given digest."""
        manifest = checkpoint.manifest
        depends_on = {
            "format": FORMAT,
            "liverseg": liverseg.__version__,
            "image": image_digest,
            "checkpoint": [checkpoint.ref, checkpoint.sha256],
            "threshold": manifest.tumour_threshold,
            "rules": [manifest.extra.get(key) for key in RULE_KEYS],
        }
        text = json.dumps(depends_on, sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}{SUFFIX}"

    def save(self, image_digest: str, checkpoint: Checkpoint, seg: Segmentation) -> bool:
        """Store a result at the checkpoint's own settings; False where the folder cannot be written."""
        path = self.path(image_digest, checkpoint)
        header = {
            "name": path.name,
            "threshold": seg.threshold,
            "engine": seg.engine,
            "timing_s": seg.timing_s,
            "warnings": list(seg.warnings),
            "removed": None if seg.removed is None else asdict(seg.removed),
            "skipped": [list(gap) for gap in seg.skipped],
            "searched": seg.searched,
            "least_body_probability": seg.least_body_probability,
        }
        packed = io.BytesIO()
        np.savez_compressed(
            packed,
            allow_pickle=False,
            header=np.frombuffer(json.dumps(header).encode(), np.uint8),
            labels=seg.labels,
            tumour=seg.tumour_probability,
            organ=seg.organ_probability,
        )
        data = packed.getvalue()
        try:
            write_atomically(path, MARK + hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
            self._forget_old(path)
        except OSError as error:
            _log.warning("an example's result cannot be stored: %s", error.strerror)
            return False
        return True

    def load(self, image_digest: str, checkpoint: Checkpoint, ct: CTImage) -> Segmentation | None:
        """The stored result of a checkpoint on `ct`; None where there is none that is intact."""
        path = self.path(image_digest, checkpoint)
        try:
            stored = path.read_bytes()
            seg = _unpacked(stored, path.name, checkpoint, ct)
            os.utime(path)
            return seg
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("a stored result is damaged (%s); it is computed again", type(error).__name__)
            with suppress(OSError):
                path.unlink()
            return None

    def _forget_old(self, newest: Path) -> None:
        files = sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[MOST_FILES:]:
            if path != newest:
                path.unlink(missing_ok=True)


def _unpacked(stored: bytes, name: str, checkpoint: Checkpoint, ct: CTImage) -> Segmentation:
    """The result in the bytes of a file; raises `ValueError` and others for anything but an intact one."""
    start = len(MARK) + 65
    if not stored.startswith(MARK):
        raise ValueError("another kind of file")
    if hashlib.sha256(stored[start:]).hexdigest().encode() + b"\n" != stored[len(MARK) : start]:
        raise ValueError("another content")
    packed = io.BytesIO(stored[start:])
    kind = np.dtype(probability_type(len(ct.hu)))
    most = ct.hu.size * (1 + 2 * kind.itemsize) + _SLACK_BYTES
    with zipfile.ZipFile(packed) as archive:
        if sum(member.file_size for member in archive.infolist()) > most:
            raise ValueError("arrays of another size")
    with np.load(packed, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        labels, tumour, organ = (arrays[key] for key in ("labels", "tumour", "organ"))
    if header["name"] != name:
        raise ValueError("another result")
    if any(array.shape != ct.hu.shape for array in (labels, tumour, organ)):
        raise ValueError("another shape")
    if labels.dtype != np.uint8 or tumour.dtype != kind or organ.dtype != kind:
        raise ValueError("another type")
    rules = inference_rules(checkpoint.manifest.extra, checkpoint.ref)
    identity = CheckpointIdentity(checkpoint.ref, checkpoint.sha256, checkpoint.registry, checkpoint.revision)
    removed = header["removed"]
    return Segmentation(
        labels=labels,
        tumour_probability=tumour,
        organ_probability=organ,
        threshold=float(header["threshold"]),
        checkpoint=identity,
        engine=str(header["engine"]),
        timing_s={str(name): float(seconds) for name, seconds in header["timing_s"].items()},
        warnings=tuple(str(warning) for warning in header["warnings"]),
        removed=None if removed is None else RemovedComponents(**removed),
        skipped=tuple((int(first), int(last)) for first, last in header["skipped"]),
        searched=bool(header["searched"]),
        least_body_probability=float(header["least_body_probability"]),
    ).with_lesions(rules.volume_lesions if len(ct.hu) > 1 else rules.slice_lesions)
