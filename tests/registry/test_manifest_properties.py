"""Properties: every valid manifest survives writing and reading; every damaged text is read or refused."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from registry import InputSpec, Manifest, WindowSpec
from registry.errors import ManifestInvalid
from registry.manifest import FileRecord
from tests.registry.sample_checkpoint import manifest_for

few_examples = settings(deadline=None, max_examples=40)

names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
versions = st.builds("{}.{}.{}".format, *[st.integers(0, 99)] * 3)
windows = st.builds(WindowSpec, st.floats(-1000, 1000, width=32), st.floats(1, 4000, width=32))
inputs = st.builds(
    InputSpec,
    st.just("slices"),
    st.sampled_from([1, 3, 5]),
    st.lists(windows, min_size=1, max_size=3).map(tuple),
    st.integers(64, 1024),
)
files = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True).filter(lambda n: n != "manifest.json"),
    st.builds(FileRecord, st.integers(0, 2**256 - 1).map("{:064x}".format), st.integers(0, 2**31)),
    max_size=4,
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def complete(manifest: Manifest) -> Manifest:
    return manifest.with_files({"model.pt": FileRecord("0" * 64, 1), **manifest.files})


@few_examples
@given(names, versions, inputs, files, st.text(max_size=30), st.floats(0.01, 1))
def test_a_valid_manifest_written_and_read_again_is_equal(name, version, spec, listed, title, threshold):
    manifest = complete(
        manifest_for(name, version, input=spec, title=title, tumour_threshold=threshold).with_files(listed)
    )
    try:
        manifest.check()
    except ManifestInvalid as refusal:
        assert str(refusal).endswith(".") and "\n" not in str(refusal)
        return
    again = Manifest.from_json(manifest.to_json())
    assert again == manifest and again.to_json() == manifest.to_json() and again.ref == f"{name}@{version}"


@few_examples
@given(st.data())
def test_any_value_at_any_key_is_read_or_refused(data):
    manifest = json.loads(complete(manifest_for()).to_json())
    node = manifest
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [
            value
            for value in (node.values() if isinstance(node, dict) else node)
            if value and isinstance(value, dict | list)
        ]
        if not inner:
            break
        node = data.draw(st.sampled_from(inner))
    key = data.draw(st.sampled_from(sorted(node))) if isinstance(node, dict) else 0
    node[key] = data.draw(json_values)
    text = json.dumps(manifest)
    try:
        read = Manifest.from_json(text)
    except ManifestInvalid as refusal:
        assert str(refusal).endswith(".") and "\n" not in str(refusal) and len(str(refusal)) < 500
    else:
        assert Manifest.from_json(read.to_json()) == read


@few_examples
@given(st.data())
def test_damaged_text_is_read_or_refused(data):
    text = complete(manifest_for()).to_json().encode()
    start = data.draw(st.integers(0, len(text)))
    damaged = text[:start] + data.draw(st.binary(max_size=5)) + text[start + data.draw(st.integers(0, 5)) :]
    try:
        Manifest.from_json(damaged)
    except ManifestInvalid as refusal:
        assert str(refusal).endswith(".") and "\n" not in str(refusal)
