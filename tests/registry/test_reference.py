from __future__ import annotations

import random

import pytest

from registry.errors import InvalidReference
from registry.reference import Reference, newest, parse_reference, version_key


@pytest.mark.parametrize("name", ["b0", "segformer-b0", "nnformer_3d", "a.b", "0"])
def test_a_reference_has_a_name_and_an_optional_version(name: str) -> None:
    assert parse_reference(name) == Reference(name)
    assert parse_reference(f"{name}@1.2.3") == Reference(name, "1.2.3")
    assert str(parse_reference(f"{name}@1.2.3")) == f"{name}@1.2.3"


@pytest.mark.parametrize(
    "text",
    ["", "@", "b0@", "@1.0", "B0", "../b0", "a/b", "/etc", ".b0", "b0@latest", "b0@1..0", "b0@../1", "b0@1@2"]
    + ["b0 ", "b0\n", "b0@1.0\n", "hf://owner/b0", "é", "x" * 65, "b0@" + "1" * 40],
)
def test_an_invalid_reference_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidReference) as refusal:
        parse_reference(text)
    assert "\n" not in str(refusal.value)


def test_versions_are_ordered_by_number_and_releases_above_pre_releases() -> None:
    ordered = ["0.9.0", "1.0", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "10.0.0"]
    shuffled = ordered[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=version_key) == ordered
    assert newest(["2.0.0rc1", "1.9.0", "1.10.0"]) == "1.10.0"
    assert newest(["2.0.0rc1", "2.0.0rc2"]) == "2.0.0rc2"
