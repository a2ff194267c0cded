"""Components found slice by slice against scipy's, and the rule that keeps the largest body."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from liverseg.core.components import find_components, joined
from liverseg.core.largest_component import NOTHING_REMOVED, bodies_of, keep_largest_body

relaxed = settings(deadline=None, max_examples=80)  # a shared machine may stall any example
CORNERS = ndimage.generate_binary_structure(3, 3)


@st.composite
def stacks(draw, values=(0, 1)):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 8)))
    share = draw(st.floats(0.02, 0.7))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < share, rng.choice(values[1:], shape), values[0]).astype(np.uint8)


@relaxed
@given(stacks())
def test_components_are_those_of_scipy_in_its_order(stack):
    mask = stack > 0
    numbered, count = ndimage.label(mask, CORNERS)
    found = find_components(mask.__getitem__, len(mask))
    assert len(found) == count
    assert found.sizes.tolist() == np.bincount(numbered.ravel(), minlength=count + 1)[1:].tolist()
    boxes = ndimage.find_objects(numbered)
    assert found.boxes() == boxes
    for k, box in enumerate(boxes):
        assert np.array_equal(found.mask(k, box), numbered[box] == k + 1)
    for z in range(len(mask)):
        for k in range(count):
            own = int((numbered[z] == k + 1).sum())
            assert found.voxels(z, k) == (own, int(mask[z].sum()) - own)


@relaxed
@given(stacks(values=(0, 1, 2)))
def test_only_the_largest_body_stays_and_the_rest_is_counted(labels):
    numbered, count = ndimage.label(labels > 0, CORNERS)
    before = labels.copy()
    removed = keep_largest_body(labels)
    if count < 2:
        assert removed == NOTHING_REMOVED and np.array_equal(labels, before)
        return
    sizes = np.bincount(numbered.ravel())[1:]
    kept = numbered == sizes.argmax() + 1
    assert np.array_equal(labels, np.where(kept, before, 0))
    assert removed.bodies == count - 1
    assert removed.liver == int((before[~kept] == 1).sum())
    assert removed.tumour == int((before[~kept] == 2).sum())
    assert removed.largest == int(np.delete(sizes, sizes.argmax()).max())


def test_tumour_at_the_liver_stays_and_tumour_apart_from_it_goes():
    labels = np.zeros((3, 12, 12), np.uint8)
    labels[:, 2:7, 2:7] = 1
    labels[1, 3:5, 3:5] = 2  # within
    labels[2, 7, 7] = 2  # at its corner
    labels[0, 10, 10] = labels[1, 11, 11] = 2  # apart
    removed = keep_largest_body(labels)
    assert (removed.bodies, removed.liver, removed.tumour, removed.voxels) == (1, 0, 2, 2)
    assert int((labels == 2).sum()) == 5


def test_a_mask_of_nothing_has_no_component():
    empty = np.zeros((3, 4, 4), np.uint8)
    assert len(bodies_of(empty)) == 0 and bodies_of(empty).boxes() == []
    assert keep_largest_body(empty) == NOTHING_REMOVED


@given(hnp.arrays(bool, (3, 5, 6)))
@relaxed
def test_planes_may_be_views_of_any_layout(mask):
    turned = mask.transpose(0, 2, 1)[:, ::-1]
    straight = np.ascontiguousarray(turned)
    assert np.array_equal(
        find_components(turned.__getitem__, 3).sizes, find_components(straight.__getitem__, 3).sizes
    )


@relaxed
@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=90)
        )
    )
)
def test_pairs_are_joined_as_scipy_joins_them(given_pairs):
    count, pairs = given_pairs
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, expected = connected_components(graph, directed=False)
    lowest = joined(first, second, count)
    assert lowest.tolist() == [int(np.flatnonzero(expected == group)[0]) for group in expected]


def test_a_long_chain_in_any_order_is_joined():
    order = np.random.default_rng(0).permutation(100_000)
    assert not joined(order[:-1], order[1:], len(order)).any()
