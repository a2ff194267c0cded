"""One hostile input through reading, segmenting, measuring and writing, with its time and memory."""

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
from fuzzing.archive_lies import ESCAPED
from fuzzing.inputs import Hostile
from fuzzing.seeds import CANARY
from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage
from liverseg.errors import LiversegError
from liverseg.inference.segmenter import Segmenter
from liverseg.io.write import write_results

LONGEST_REFUSAL = 400
_NAMES = (CANARY, CANARY.replace("^", "_"), ESCAPED)


@dataclass(frozen=True)
class Trial:
    """What came of an input."""

    index: int
    family: str
    outcome: str  # "segmented", "refused: <class>", or what is wrong
    told: str  # the sentence of a refusal; the place of an error
    bytes: int  # of the input
    wall_s: float
    cpu_s: float
    peak_bytes: int  # of this process over the base
    is_wrong: bool = False


class Bench:
    """Where trials are run, one after the other; `segmenter` chooses one by the input's index."""

    def __init__(self, segmenter: Callable[[int], Segmenter]) -> None:
        self._segmenter = segmenter
        gc.freeze()  # what is there now stays: collecting is for what a trial leaves
        self._base = resident_bytes()

    def run(self, index: int, hostile: Hostile) -> Trial:
        """Run one input in a folder of its own."""
        size = sum(map(len, hostile.files))
        with tempfile.TemporaryDirectory(prefix="liverseg-fuzzing-") as made:
            inside = Path(made, "in")
            inside.mkdir()
            source = hostile.write(inside)
            family = hostile.family
            del hostile
            before = set(os.listdir(made)) | set(os.listdir(tempfile.gettempdir()))
            _forget_peak()
            started, cpu = time.perf_counter(), _cpu_s()
            outcome, told, is_wrong = self._try(index, source, Path(made, "out"))
            wall_s, cpu_s = time.perf_counter() - started, _cpu_s() - cpu
            peak = max(peak_bytes() - self._base, 0)
            appeared = (set(os.listdir(made)) | set(os.listdir(tempfile.gettempdir()))) - before
            if any(ESCAPED in name for name in appeared):
                outcome, is_wrong = "a path left its archive", True
        return Trial(index, family, outcome, told, size, wall_s, cpu_s, peak, is_wrong)

    def _try(self, index: int, source: str | list[str], out: Path) -> tuple[str, str, bool]:
        try:
            ct = liverseg.read(source)
            if index % 7 == 0:
                _list(source)
            wrong = _faults_of(ct)
            if not wrong:
                seg = self._segmenter(index).segment(ct)
                report = measure(ct, seg)
                wrong = _faults_of_result(ct, seg.labels, seg.tumour_probability, report.to_json())
                if index % 10 == 0:
                    write_results(out, ct, seg, report)
                    shutil.rmtree(out)
        except LiversegError as refusal:
            sentence = str(refusal)
            wrong = _faults_of_refusal(sentence)
            return (wrong or f"refused: {type(refusal).__name__}"), sentence, bool(wrong)
        except BaseException as error:  # whatever it is, it is what is looked for
            places = [
                f"{f.filename.rpartition('/')[2]}:{f.lineno}"
                for f in traceback.extract_tb(error.__traceback__)
            ]
            return f"uncaught {type(error).__name__}", f"{' > '.join(places[-5:])}: {str(error)[:200]}", True
        return wrong or "segmented", "", bool(wrong)


def _list(source: str | list[str]) -> None:
    try:
        liverseg.list_series(source)
    except LiversegError as refusal:
        fault = _faults_of_refusal(str(refusal))
        if fault:
            raise AssertionError(fault) from refusal


def _faults_of(ct: CTImage) -> str:
    if ct.hu.ndim != 3 or ct.hu.dtype != np.float32 or not np.isfinite(ct.hu).all():
        return "HU that are no finite float32 (S, H, W)"
    if ct.native.to_native(ct.hu).size != ct.hu.size:
        return "a native grid that does not fit"
    if ct.spacing_mm is not None and not (np.isfinite(ct.spacing_mm).all() and min(ct.spacing_mm) > 0):
        return "a spacing that is none"
    return "a warning that tells a name" if any(name in " ".join(ct.warnings) for name in _NAMES) else ""


def _faults_of_result(ct: CTImage, labels: np.ndarray, tumour: np.ndarray, report: str) -> str:
    if labels.shape != ct.hu.shape or labels.max() > 2:
        return "labels that do not fit"
    if not np.isfinite(tumour).all() or tumour.min() < 0 or tumour.max() > 1.001:
        return "probabilities that are none"
    if any(name in report for name in _NAMES):
        return "a report that tells a name"
    json.loads(report, parse_constant=_no_number)
    return ""


def _no_number(text: str) -> None:
    raise ValueError(f"{text} in the report")


def _faults_of_refusal(sentence: str) -> str:
    if not sentence.endswith(".") or "\n" in sentence or len(sentence) > LONGEST_REFUSAL:
        return "a refusal that is no sentence"
    if any(name in sentence for name in _NAMES) or tempfile.gettempdir() in sentence:
        return "a refusal that tells a name"
    return "memory ran out" if "not enough memory" in sentence else ""


def _cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def resident_bytes() -> int:
    """What this process holds in memory now."""
    _trim()
    return _status("VmRSS")


def virtual_bytes() -> int:
    """The address space of this process."""
    return _status("VmSize")


def peak_bytes() -> int:
    """The most that it held since `_forget_peak`."""
    return _status("VmHWM")


def _trim() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _forget_peak() -> None:
    _trim()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
