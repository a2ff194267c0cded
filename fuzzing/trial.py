"""Read, segment, measure and write one hostile input, and record the outcome, time and memory."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import liverseg
from fuzzing.inputs import Hostile
from fuzzing.malformed_archives import ESCAPED
from fuzzing.seeds import CANARY
from fuzzing.wrappers import OUTSIDE_SERIES
from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage
from liverseg.errors import LiversegError
from liverseg.inference.segmenter import Segmenter
from liverseg.io.write import write_results

MAX_MESSAGE_LENGTH = 400
_SECRETS = (  # texts that no message and no report may contain
    CANARY,
    CANARY.replace("^", "_"),
    ESCAPED,
)


@dataclass(frozen=True)
class Trial:
    """The outcome of one input."""

    index: int
    family: str
    outcome: str  # "segmented", "refused: <class>", or the failure
    detail: str  # the message of a refusal, or the traceback of an error
    size_bytes: int
    wall_s: float
    cpu_s: float
    peak_bytes: int  # memory of this process above its base
    is_wrong: bool = False


class TrialRunner:
    """Runs trials one after the other; `segmenter` returns the segmenter for the index of an input."""

    def __init__(self, segmenter: Callable[[int], Segmenter]) -> None:
        self._segmenter = segmenter
        gc.freeze()  # garbage collection then concerns only the objects of a trial
        self._base = resident_bytes()

    def run(self, index: int, hostile: Hostile) -> Trial:
        """Run one input in a temporary folder."""
        size = sum(map(len, hostile.files))
        with tempfile.TemporaryDirectory(prefix="liverseg-fuzzing-") as folder:
            input_folder = Path(folder, "in")
            input_folder.mkdir()
            source = hostile.write(input_folder)
            family = hostile.family
            del hostile  # its memory does not count for the trial
            before = set(os.listdir(folder)) | set(os.listdir(tempfile.gettempdir()))
            _reset_peak()
            started, cpu = time.perf_counter(), _cpu_s()
            outcome, detail, is_wrong = self._try(index, source, Path(folder, "out"))
            wall_s, cpu_s = time.perf_counter() - started, _cpu_s() - cpu
            peak = max(peak_bytes() - self._base, 0)
            appeared = (set(os.listdir(folder)) | set(os.listdir(tempfile.gettempdir()))) - before
            if any(ESCAPED in name for name in appeared):
                outcome, is_wrong = "a file was written outside the archive", True
        return Trial(index, family, outcome, detail, size, wall_s, cpu_s, peak, is_wrong)

    def _try(self, index: int, source: str | list[str], out: Path) -> tuple[str, str, bool]:
        """Outcome, detail and `is_wrong` of a trial; it writes results to `out` for every tenth index."""
        try:
            ct = liverseg.read(source)
            if index % 7 == 0:
                _check_list_series(source)
            failure = _image_failure(ct)
            if not failure:
                seg = self._segmenter(index).segment(ct)
                report = measure(ct, seg)
                failure = _result_failure(ct, seg.labels, seg.tumour_probability, report.to_json())
                if index % 10 == 0:
                    write_results(out, ct, seg, report)
                    shutil.rmtree(out)
        except LiversegError as refusal:
            message = str(refusal)
            failure = _message_failure(message)
            return (failure or f"refused: {type(refusal).__name__}"), message, bool(failure)
        except BaseException as error:  # any other exception is a failure, SystemExit included
            frames = [
                f"{f.filename.rpartition('/')[2]}:{f.lineno}"
                for f in traceback.extract_tb(error.__traceback__)
            ]
            return f"uncaught {type(error).__name__}", f"{' > '.join(frames[-5:])}: {str(error)[:200]}", True
        return failure or "segmented", "", bool(failure)


def _check_list_series(source: str | list[str]) -> None:
    """Raise AssertionError where `list_series` refuses the input with an improper message."""
    try:
        liverseg.list_series(source)
    except LiversegError as refusal:
        failure = _message_failure(str(refusal))
        if failure:
            raise AssertionError(failure) from refusal


def _image_failure(ct: CTImage) -> str:
    """What is wrong with an image that was read; empty if nothing is."""
    if ct.hu.ndim != 3 or ct.hu.dtype != np.float32 or not np.isfinite(ct.hu).all():
        return "HU are not finite float32 (S, H, W)"
    if ct.native.to_native(ct.hu).size != ct.hu.size:
        return "the native grid does not match the HU"
    if ct.spacing_mm is not None and not (np.isfinite(ct.spacing_mm).all() and min(ct.spacing_mm) > 0):
        return "invalid spacing"
    if any(one.series_uid == OUTSIDE_SERIES for one in ct.source):
        return "a link out of the folder was followed"
    return "a warning contains a name" if any(secret in " ".join(ct.warnings) for secret in _SECRETS) else ""


def _result_failure(ct: CTImage, labels: np.ndarray, tumour: np.ndarray, report: str) -> str:
    """What is wrong with the results of an image; empty if nothing is."""
    if labels.shape != ct.hu.shape or labels.max() > 2:
        return "invalid labels"
    if not np.isfinite(tumour).all() or tumour.min() < 0 or tumour.max() > 1.001:
        return "invalid probabilities"
    if any(secret in report for secret in _SECRETS):
        return "the report contains a name"
    json.loads(report, parse_constant=_refuse_constant)
    return ""


def _refuse_constant(text: str) -> None:
    """Refuse NaN and infinities, which are not JSON."""
    raise ValueError(f"{text} in the report")


def _message_failure(message: str) -> str:
    """What is wrong with the message of a refusal; empty if nothing is."""
    if not message.endswith(".") or "\n" in message or len(message) > MAX_MESSAGE_LENGTH:
        return "the message is not one sentence"
    if any(secret in message for secret in _SECRETS) or tempfile.gettempdir() in message:
        return "the message contains a name"
    return "memory ran out" if "not enough memory" in message else ""


def _cpu_s() -> float:
    """Processor time of this process and its finished children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _status(name: str) -> int:
    """A size in bytes from `/proc/self/status`."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def resident_bytes() -> int:
    """Resident memory of this process after garbage collection."""
    _trim_memory()
    return _status("VmRSS")


def virtual_bytes() -> int:
    """Size of the address space of this process."""
    return _status("VmSize")


def peak_bytes() -> int:
    """Peak resident memory since `_reset_peak`."""
    return _status("VmHWM")


def _trim_memory() -> None:
    """Collect garbage and return free memory to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _reset_peak() -> None:
    """Start a new measurement of `peak_bytes`."""
    _trim_memory()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
