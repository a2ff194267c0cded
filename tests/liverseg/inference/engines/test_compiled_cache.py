"""The cache of compiled networks on disk."""

import os

import pytest

from liverseg.inference.engines import compiled_cache
from liverseg.inference.engines.compiled_cache import CompiledCache, cache_key

KEY = cache_key({"archive": "a"})


@pytest.fixture
def cache(tmp_path):
    return CompiledCache(tmp_path / "store" / "compiled")


def only_file(cache):
    (path,) = cache.folder.iterdir()
    return path


def test_a_stored_payload_is_found_only_under_its_key(cache):
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


def test_a_file_writable_by_others_and_a_link_are_not_used(cache, tmp_path):
    cache.put(KEY, b"compiled")
    path = only_file(cache)
    path.chmod(0o666)
    assert cache.get(KEY) is None
    path.chmod(0o600)
    assert cache.get(KEY) == b"compiled"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.get(KEY) is None


def test_an_unusable_folder_is_no_error_and_a_read_only_one_is_read(cache, tmp_path):
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


@pytest.mark.parametrize(("limit", "most"), [("MAX_CACHED_FILES", 2), ("MAX_TOTAL_BYTES", 2 * 94 + 1)])
def test_the_least_recently_used_files_are_removed_first(cache, monkeypatch, limit, most):
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
