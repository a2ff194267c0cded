"""Flips to radiological orientation, judged by the anatomy."""

import numpy as np
import pytest

from tests.train.data.prepare.nifti_files import flipped_body
from train.data.prepare.orientation import flips_to_upright


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_flips_are_recognised_by_spine_and_liver(rows, columns):
    assert flips_to_upright(*flipped_body(rows, columns)) == (rows, columns)


def test_without_liver_nothing_is_flipped():
    volume, liver = flipped_body(True, True)
    assert flips_to_upright(volume, np.zeros_like(liver)) == (False, False)
