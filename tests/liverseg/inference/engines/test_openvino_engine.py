"""The OpenVINO engine: parallel slices, the cache of compiled networks, threads, telemetry."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from liverseg.core.cpu import usable_processors
from liverseg.inference.engines import openvino_engine
from liverseg.inference.engines.compiled_cache import CompiledCache
from liverseg.inference.engines.openvino_engine import OpenVINOEngine
from liverseg.inference.segmenter import Segmenter
from registry import open_registries

BUNDLED = [checkpoint.ref for checkpoint in open_registries("bundled").list()]


HU = np.random.default_rng(1).normal(40, 60, (1, 1, 64, 96)).astype(np.float32)


@pytest.fixture
def cache(tmp_path):
    return CompiledCache(tmp_path / "store" / "compiled")


def several(channels, count, side=512):
    rng = np.random.default_rng(side)
    return [rng.normal(60, 80, (1, channels, side, side)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("ref", BUNDLED)
def test_parallel_slices_have_the_results_of_single_slices_in_order(ref):
    segmenter = Segmenter.load(ref, engine="openvino", registries=open_registries("bundled"))
    engine, channels = segmenter.engine, segmenter.checkpoint.manifest.input.context_slices
    for given in (several(channels, 5), several(channels, 3, side=96), several(channels, 1), []):
        alone = [engine.run(hu) for hu in given]
        together = list(engine.run_each(iter(given)))
        assert len(together) == len(given)
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert (engine._parallel is None) == (usable_processors() == 1)
    first, second, *_ = several(channels, 5)
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield second

    leaving = engine.run_each(endless())
    assert np.array_equal(next(leaving), next(engine.run_each([second])))
    leaving.close()
    assert len(taken) <= 5, "no more are taken than run at once"
    assert np.array_equal(next(engine.run_each([first])), engine.run(first))


def test_slices_run_one_by_one_with_one_thread_or_a_rejected_network(monkeypatch):
    segmenter = Segmenter.load("segformer-b0-fast", engine="openvino", registries=open_registries("bundled"))
    engine, channels = segmenter.engine, segmenter.checkpoint.manifest.input.context_slices
    given = several(channels, 2)
    alone = [engine.run(hu) for hu in given]
    monkeypatch.setattr(engine, "_parallel", None)  # an engine that other tests have, too
    monkeypatch.setenv("LIVERSEG_THREADS", "1")
    assert np.array_equal(list(engine.run_each(given)), alone) and engine._parallel is None
    monkeypatch.delenv("LIVERSEG_THREADS")

    class Stubborn:
        def import_model(self, *given):
            raise RuntimeError("no")

    monkeypatch.setattr(engine, "_core", Stubborn())
    assert np.array_equal(list(engine.run_each(given)), alone) and engine._parallel is None


def test_openvino_reports_nothing_over_the_network():
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="there is no affinity on this system")
def test_threads_are_not_pinned_if_there_are_fewer_than_processors():
    """Otherwise two processes with one thread each would both run on the first processor."""
    script = """
import os
from pathlib import Path
import numpy as np
import liverseg
from liverseg.io.read import from_array
segmenter = liverseg.Segmenter.load(None)
segmenter.segment(from_array(np.full((1, 64, 64), 40.0, np.float32)))
for task in Path("/proc/self/task").iterdir():
    print(len(os.sched_getaffinity(int(task.name))))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LIVERSEG_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert set(map(int, done.stdout.split())) == {len(os.sched_getaffinity(0))}


@pytest.mark.skipif(usable_processors() == 1, reason="one thread runs one slice at a time")
def test_parallel_slices_run_on_compiled_and_on_cached_networks(cache, archive, monkeypatch):
    slices = [np.full((1, 1, 512, 512), hu, np.float32) for hu in (0, 40, 80)]
    made = OpenVINOEngine(archive, 1, cache=cache)
    kept = OpenVINOEngine(archive, 1, cache=cache)
    monkeypatch.setattr(CompiledCache, "get", lambda *_: None)
    unkept = OpenVINOEngine(archive, 1, cache=cache)
    assert np.array_equal(list(unkept.run_each(slices)), [unkept.run(hu) for hu in slices])
    monkeypatch.undo()
    for engine in (made, kept):
        assert np.array_equal(list(engine.run_each(slices)), [engine.run(hu) for hu in slices])
    assert all(engine._parallel is not None for engine in (made, kept, unkept))


def test_the_engine_fills_the_cache_and_then_needs_no_torch(cache, archive, monkeypatch):
    made = OpenVINOEngine(archive, 1, cache=cache)
    expected = made.run(HU)
    usual = np.random.default_rng(2).normal(40, 60, (1, 1, 512, 512)).astype(np.float32)
    other = np.repeat(usual, 2, axis=0)  # of any shape: compiled apart, the same network
    assert np.abs(made.run(other)[:1] - made.run(usual)).max() < 1e-4
    path = cache.folder / f"{made._key(made._dynamic)}.blob"
    assert len(list(cache.folder.iterdir())) == 2
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from liverseg.inference.engines.compiled_cache import CompiledCache;"
        "from liverseg.inference.engines.openvino_engine import OpenVINOEngine;"
        "archive = Path(sys.argv[3]).read_bytes();"
        "hu = np.random.default_rng(1).normal(40, 60, (1, 1, 64, 96)).astype(np.float32);"
        "engine = OpenVINOEngine(archive, 1, cache=CompiledCache(Path(sys.argv[1])));"
        "np.save(sys.argv[2], engine.run(hu)); print(engine.name); sys.exit('torch' in sys.modules)"
    )
    saved, model = cache.folder.parent / "found.npy", cache.folder.parent / "model.pt"
    model.write_bytes(archive)
    done = subprocess.run(
        [sys.executable, "-c", code, cache.folder, saved, model], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(saved), expected) and done.stdout.strip() == made.name

    # An entry with a valid hash that OpenVINO rejects is compiled again.
    key = path.name.removesuffix(".blob")
    good = cache.get(key)
    for bad in (b"float32\nnot a network", b"float99\n" + good.partition(b"\n")[2], b""):
        assert cache.put(key, bad)
        compiled, _ = openvino_engine._import(openvino_engine.openvino.Core(), cache.get(key))
        assert compiled is None
    assert np.array_equal(OpenVINOEngine(archive, 1, cache=cache).run(HU), expected)
    assert cache.get(key).partition(b"\n")[0] == b"float32"

    keys = {made._key(made._dynamic), made._key(made._standard)}
    # Another version, another processor or other threads find nothing.
    for home, name, other in (
        (openvino_engine.openvino, "get_version", lambda: "2030.1"),
        (openvino_engine, "processor_identity", lambda: "another"),
        (openvino_engine, "usable_processors", lambda: 99),
    ):
        asked = []
        monkeypatch.setattr(home, name, other)
        monkeypatch.setattr(CompiledCache, "get", lambda self, key, asked=asked: asked.append(key))
        monkeypatch.setattr(OpenVINOEngine, "_compile", _nothing)
        with pytest.raises(_Stopped):
            OpenVINOEngine(archive, 1, cache=cache)
        monkeypatch.undo()
        assert len(asked) == 1 and asked[0] not in keys


class _Stopped(Exception):
    pass


def _nothing(*_):
    raise _Stopped
