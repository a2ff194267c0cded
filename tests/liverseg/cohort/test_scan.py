"""Identifiers of inputs, settings and results. Their values are fixed: existing cohorts rely on them."""

from __future__ import annotations

import hashlib
import hmac

from liverseg.cohort.remote_files import File
from liverseg.cohort.scan import CohortSettings, Scan, input_id


def test_digests_and_keys_do_not_change_between_versions():
    assert CohortSettings("a@1", "00").digest == "8f3a9c36f963"
    settings = CohortSettings(
        "segformer-b0@1.0.0", "ab" * 32, "torch", 0.4, True, formats=("nifti", "seg"), version="1.2.3"
    )
    assert settings.digest == "771ac7aff07e"
    assert settings.key("cd" * 32) == "b764fcba3203365cb99bc615"


def test_an_input_id_is_an_hmac_of_the_sorted_addresses_and_the_series():
    expected = hmac.new(b"salt", b"/a\n/b\n2", hashlib.sha256).hexdigest()[:20]
    assert input_id(b"salt", ["/b", "/a"], 2) == expected
    assert input_id(b"1", ["/b", "/a"]) == "74d00320ba12b97b8413"


def test_the_stamp_changes_with_a_file():
    first = File("/a", 1, "1:1")
    scan = Scan("x", (first, File("/b", 2, "2:5")))
    assert scan.stamp == "ab9ed2897ecb74b876752103"
    assert Scan("x", (first, File("/b", 2, "2:6"))).stamp != scan.stamp


def test_a_lesion_cut_is_a_setting_of_its_own_only_if_one_is_given():
    assert "lesion_cut" not in CohortSettings("a@1", "00").to_dict()
    assert CohortSettings("a@1", "00", lesion_cut=0.3).digest != CohortSettings("a@1", "00").digest
