"""Connected components of stacks and graphs, compared with scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from liverseg.core.components import find_components, graph_components
from tests.liverseg.core.random_stacks import CORNERS, stacks

relaxed = settings(deadline=None, max_examples=80)  # a shared machine may stall any example


@relaxed
@given(stacks())
def test_components_have_the_sizes_boxes_masks_and_order_of_scipy(stack):
    mask = stack > 0
    numbered, count = ndimage.label(mask, CORNERS)
    components = find_components(mask.__getitem__, len(mask))
    assert len(components) == count
    assert components.sizes.tolist() == np.bincount(numbered.ravel(), minlength=count + 1)[1:].tolist()
    boxes = ndimage.find_objects(numbered)
    assert components.boxes() == boxes
    for k, box in enumerate(boxes):
        assert np.array_equal(components.mask(k, box), numbered[box] == k + 1)
    for z in range(len(mask)):
        assert np.array_equal(components.numbers(z), numbered[z] - 1)
        for k in range(count):
            own = int((numbered[z] == k + 1).sum())
            assert components.voxels(z, k) == (own, int(mask[z].sum()) - own)


def test_an_empty_mask_has_no_components():
    components = find_components(np.zeros((3, 4, 4), bool).__getitem__, 3)
    assert len(components) == 0 and components.boxes() == []
    assert components.voxels(1, 0) == (0, 0)


@given(hnp.arrays(bool, (3, 5, 6)))
@relaxed
def test_slice_masks_may_have_any_memory_layout(mask):
    view = mask.transpose(0, 2, 1)[:, ::-1]
    contiguous = np.ascontiguousarray(view)
    assert np.array_equal(
        find_components(view.__getitem__, 3).sizes, find_components(contiguous.__getitem__, 3).sizes
    )


@relaxed
@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=90)
        )
    )
)
def test_graph_components_are_those_of_scipy(graph):
    count, edges = graph
    first, second = np.array(edges, np.int64).reshape(-1, 2).T
    matrix = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, expected = connected_components(matrix, directed=False)
    lowest = graph_components(first, second, count)
    assert lowest.tolist() == [int(np.flatnonzero(expected == group)[0]) for group in expected]


def test_a_long_chain_in_random_order_is_one_component():
    order = np.random.default_rng(0).permutation(100_000)
    assert not graph_components(order[:-1], order[1:], len(order)).any()
