"""The network on a ZeroGPU Space, with a stand-in for the Hub's package `spaces`."""

from __future__ import annotations

import importlib
import io
import pickle
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr
import numpy as np
import pytest

import liverseg
from liverseg.analysis.lesions import lesion_volume
from liverseg.app.state import zerogpu
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.errors import CheckpointRefused, EngineUnavailable, InvalidSetting
from registry import open_registries
from tests.liverseg.lesion_scenes import decided


class Spaces(ModuleType):
    """Pickles arguments and results, as the real module does, and keeps the pickles."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.__spec__ = ModuleSpec("spaces", None)
        self.decorated: list[str] = []
        self.calls: list[tuple[float, bytes, list[bytes]]] = []  # seconds, arguments, steps
        self.refusal: Exception | None = None

    def GPU(self, *, duration: Callable[..., float]) -> Callable[[Callable], Callable]:
        def decorate(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
            self.decorated.append(task.__name__)

            def call(*args: Any) -> Iterator[Any]:
                if self.refusal is not None:
                    raise self.refusal
                steps: list[bytes] = []
                self.calls.append((duration(*args), pickle.dumps(args), steps))
                for step in task(*pickle.loads(self.calls[-1][1])):
                    steps.append(pickle.dumps(step))
                    yield pickle.loads(steps[-1])

            return call

        return decorate


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spaces]:
    """A ZeroGPU Space, with `zerogpu` imported as there."""
    with monkeypatch.context() as patch:
        standin = Spaces()
        patch.setitem(sys.modules, "spaces", standin)
        patch.setenv("SPACES_ZERO_GPU", "true")
        importlib.reload(zerogpu)
        yield standin
    importlib.reload(zerogpu)


class Origins(pickle.Unpickler):
    """The packages of the classes and functions in a pickle."""

    def __init__(self, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self.found: set[str] = set()
        self.load()

    def find_class(self, module: str, name: str) -> Any:
        self.found.add(module.split(".")[0])
        return super().find_class(module, name)


def test_a_volume_is_one_call_and_the_same_numbers(spaces: Spaces, registry_folder: Path, nifti: str):
    assert spaces.decorated == ["run"]
    segmenter = Checkpoints(open_registries(str(registry_folder))).segmenter(None)
    assert isinstance(segmenter, zerogpu.GPUSegmenter)
    ct, progress = liverseg.read(nifti), []
    seg = segmenter.segment(ct, progress=lambda *step: progress.append(step))
    here = liverseg.Segmenter.from_checkpoint(segmenter.checkpoint, engine="torch").segment(ct)
    assert np.array_equal(seg.labels, here.labels) and seg.checkpoint == here.checkpoint
    assert np.array_equal(seg.tumour_probability, here.tumour_probability)
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    ((asked_s, arguments, steps),) = spaces.calls
    assert asked_s == zerogpu.START_S + 4 * zerogpu.SLICE_S and len(steps) == 5
    for pickled in (arguments, *steps):
        assert Origins(pickled).found <= {"liverseg", "registry", "numpy", "pathlib", "builtins"}


def test_the_requested_time_grows_with_the_slices_up_to_a_maximum(spaces: Spaces, nifti: str):
    ct = liverseg.read(nifti)
    one = zerogpu.seconds(None, ct, {"only_slice": 2})
    assert one == zerogpu.START_S + zerogpu.SLICE_S < zerogpu.seconds(None, ct, {})
    long = replace(ct, hu=np.broadcast_to(ct.hu[:1], (1000, *ct.shape[1:])))
    assert zerogpu.seconds(None, long, {}) == zerogpu.MOST_S


def test_refusals_are_passed_on_unchanged(spaces: Spaces, registry_folder: Path, nifti: str):
    segmenter = Checkpoints(open_registries(str(registry_folder))).segmenter(None)
    with pytest.raises(InvalidSetting, match="threshold"):
        segmenter.segment(liverseg.read(nifti), threshold=7)
    spaces.refusal = gr.Error("You have exceeded your GPU quota")
    with pytest.raises(EngineUnavailable, match="no GPU for this now: You have exceeded your GPU quota"):
        segmenter.segment(liverseg.read(nifti))


def test_a_tampered_checkpoint_is_refused_before_a_gpu_is_requested(
    spaces: Spaces, registry_folder: Path, tmp_path: Path
):
    model = shutil.copytree(registry_folder, tmp_path / "copy") / "segformer-b0" / "model.pt"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointRefused, match="model.pt"):
        Checkpoints(open_registries(str(tmp_path / "copy"))).segmenter("segformer-b0@1.0.0")
    assert spaces.calls == []


def test_closing_a_run_ends_its_work(monkeypatch: pytest.MonkeyPatch, nifti: str):
    ended = threading.Event()

    class Endless:
        def segment(self, ct, *, progress):
            try:
                while True:
                    progress(1, 4)
                    time.sleep(0.01)
            finally:
                ended.set()

    monkeypatch.setattr(zerogpu, "_on_gpu", lambda checkpoint: Endless())
    steps = zerogpu.run(None, liverseg.read(nifti), {})
    assert next(steps) == (1, 4) and not ended.is_set()
    steps.close()
    assert ended.wait(30)


@pytest.mark.parametrize("variable", ["", "false"])
def test_nothing_is_decorated_outside_zerogpu(
    spaces: Spaces, monkeypatch, registry_folder: Path, variable: str
):
    monkeypatch.setenv("SPACES_ZERO_GPU", variable)
    assert not zerogpu.is_here() and zerogpu.decorated(zerogpu.run) is zerogpu.run
    loaded = Checkpoints(open_registries(str(registry_folder)), engine="torch").segmenter(None)
    assert type(loaded) is liverseg.Segmenter


def test_without_the_package_a_space_is_not_zerogpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not zerogpu.is_here()


def test_a_result_with_unsure_lesions_can_be_sent_by_the_worker():
    _, seg = decided()
    again = pickle.loads(pickle.dumps(seg))
    np.testing.assert_array_equal(lesion_volume(again), lesion_volume(seg))
    np.testing.assert_array_equal(again.labels_with_unsure(1), seg.labels_with_unsure(1))
    assert again.at_threshold(0.5, 0.0).labels.tolist() == seg.at_threshold(0.5, 0.0).labels.tolist()
