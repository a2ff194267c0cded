"""Compiled networks on disk: used when they are what they should be, made anew when they are not."""

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.speed import networks
from liverseg.core.cpu import usable_processors
from liverseg.inference import engines
from liverseg.inference.engines import compiled_cache, openvino_engine, precision
from liverseg.inference.engines.compiled_cache import CompiledCache, cache_key
from liverseg.inference.engines.openvino_engine import OpenVINOEngine
from liverseg.inference.engines.torch_engine import TorchEngine
from train.models.segformer import SegFormer, SegFormerConfig

KEY = cache_key({"archive": "a"})
HU = np.random.default_rng(1).normal(40, 60, (1, 1, 64, 96)).astype(np.float32)


@pytest.fixture
def cache(tmp_path):
    return CompiledCache(tmp_path / "store" / "compiled")


@pytest.fixture(scope="module")
def archive():
    """A SegFormer of a few thousand weights, as `train export` writes it."""
    return networks.exported(SegFormer(SegFormerConfig(**networks.TINY)).eval(), 64)


def only_file(cache):
    (path,) = cache.folder.iterdir()
    return path


def test_what_was_put_comes_back_and_another_key_finds_nothing(cache):
    assert cache.get(KEY) is None
    assert cache.put(KEY, b"compiled") and cache.get(KEY) == b"compiled"
    assert cache.get(cache_key({"archive": "b"})) is None
    assert only_file(cache).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["bit", "short", "empty", "other key", "text"])
def test_a_damaged_file_is_not_used(cache, damage):
    cache.put(KEY, b"compiled network")
    path = only_file(cache)
    data = bytearray(path.read_bytes())
    if damage == "bit":
        data[-3] ^= 1
    elif damage == "other key":  # a whole file under the name of another
        cache.put(cache_key({"archive": "b"}), b"another network")
        data = (cache.folder / f"{cache_key({'archive': 'b'})}.blob").read_bytes()
    path.write_bytes({"short": data[:-1], "empty": b"", "text": b"hello\n" * 50}.get(damage, data))
    assert cache.get(KEY) is None
    assert cache.put(KEY, b"anew") and cache.get(KEY) == b"anew"


def test_a_file_that_others_may_write_and_a_link_are_not_used(cache, tmp_path):
    cache.put(KEY, b"compiled")
    path = only_file(cache)
    path.chmod(0o666)
    assert cache.get(KEY) is None
    path.chmod(0o600)
    assert cache.get(KEY) == b"compiled"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.get(KEY) is None


def test_a_cache_that_cannot_be_written_is_none_and_one_that_cannot_be_changed_is_read(cache, tmp_path):
    (tmp_path / "file").write_text("")
    assert not CompiledCache(tmp_path / "file" / "compiled").put(KEY, b"compiled")
    assert CompiledCache(tmp_path / "file" / "compiled").get(KEY) is None
    cache.put(KEY, b"compiled")
    only_file(cache).chmod(0o400)
    cache.folder.chmod(0o500)
    try:
        assert cache.get(KEY) == b"compiled"
        if os.geteuid() != 0:  # root may write anywhere
            assert not cache.put(cache_key({"archive": "b"}), b"another")
    finally:
        cache.folder.chmod(0o700)


@pytest.mark.parametrize(("limit", "most"), [("MAX_FILES", 2), ("MAX_TOTAL_BYTES", 2 * 94 + 1)])
def test_the_least_recently_used_go_first(cache, monkeypatch, limit, most):
    monkeypatch.setattr(compiled_cache, limit, most)
    keys = [cache_key({"archive": n}) for n in range(3)]
    for age, key in enumerate(keys[:2]):
        cache.put(key, b"x")
        os.utime(cache.folder / f"{key}.blob", (1000 + age, 1000 + age))
    cache.get(keys[0])  # used last now
    cache.put(keys[2], b"x")
    assert [cache.get(key) for key in keys] == [b"x", None, b"x"]
    monkeypatch.setattr(compiled_cache, "MAX_TOTAL_BYTES", 1)
    cache.put(keys[1], b"x")
    assert [cache.get(key) for key in keys] == [None, b"x", None], "the newest stays, however large"


@pytest.mark.skipif(usable_processors() == 1, reason="one thread runs one slice at a time")
def test_slices_are_run_at_once_by_what_was_compiled_and_by_what_was_kept(cache, archive, monkeypatch):
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


def test_the_engine_fills_the_cache_and_needs_no_torch_after_that(cache, archive, monkeypatch):
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

    # What OpenVINO itself refuses is made anew, whatever hash it carries.
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
        monkeypatch.setattr(openvino_engine, "_compile", _nothing)
        with pytest.raises(_Stopped):
            OpenVINOEngine(archive, 1, cache=cache)
        monkeypatch.undo()
        assert len(asked) == 1 and asked[0] not in keys


class _Stopped(Exception):
    pass


def _nothing(*_):
    raise _Stopped


def test_bfloat16_is_taken_only_where_it_keeps_the_labels(archive, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPUINFO", cpuinfo)
    assert not precision.has_bfloat16()
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n")
    assert not precision.has_bfloat16()
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n")
    assert precision.has_bfloat16()  # torch computes it on any processor

    monkeypatch.setattr(precision, "PROBE_SIDE_PX", 96)
    monkeypatch.setattr(precision, "MIN_EQUAL_LABELS", 0.9)
    rounded = TorchEngine(archive, 1, device="cpu")
    assert "bfloat16" in rounded.name
    exact = TorchEngine(archive, device="cpu")
    assert "float32" in exact.name
    difference = np.abs(rounded.run(HU) - exact.run(HU)).max()
    assert 1e-6 < difference < 0.2  # it was rounded, and no more
    monkeypatch.setattr(precision, "MIN_EQUAL_LABELS", 1.1)
    assert "float32" in TorchEngine(archive, 1, device="cpu").name
    assert "float32" in engines.load(archive, 1, "torch").name
