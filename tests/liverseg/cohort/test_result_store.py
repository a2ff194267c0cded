"""The output folder of a cohort: complete results, records, and the lock."""

from __future__ import annotations

import pytest

from liverseg.cohort.result_store import NotStored, Store
from liverseg.cohort.scan import CohortSettings


def test_a_result_is_stored_completely_or_not_at_all(tmp_path):
    settings = CohortSettings("a@1", "00")
    store = Store.create(tmp_path, settings.digest)
    key = settings.key("ab")
    with pytest.raises(KeyboardInterrupt), store.staged(key) as stage:
        (stage / "row.json").write_text('{"scan": 1}')
        raise KeyboardInterrupt
    assert store.row(key) is None and not store.scan_folder(key).exists()
    for number in (1, 2):  # two workers with the same content: the first result is kept
        with store.staged(key) as stage:
            (stage / "row.json").write_text(f'{{"scan": {number}}}')
    assert store.row(key) == {"scan": 1}
    store.put_record({"id": "abc", "state": "done", "key": key})
    assert store.record("abc")["key"] == key
    (store.scan_folder(key) / "row.json").write_text('{"sc')  # as after a power failure
    assert store.record("abc") is None


def test_one_run_at_a_time_holds_the_folder_and_removes_unfinished_results(tmp_path):
    store = Store.create(tmp_path, "0")
    (tmp_path / ".work" / "unfinished").mkdir(parents=True)
    with store.locked():
        assert not list((tmp_path / ".work").iterdir())
        with pytest.raises(NotStored, match="Another run"), Store(tmp_path, "1").locked():
            raise AssertionError("the folder is locked")
    with store.locked():
        pass


def test_the_salt_is_kept_and_private(tmp_path):
    store = Store.create(tmp_path, "0")
    salt = store.salt()
    assert store.salt() == salt and len(bytes.fromhex(salt.decode())) == 32
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "private" / "salt").stat().st_mode & 0o777 == 0o600
