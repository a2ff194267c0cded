"""A phantom's slice for the tests of the augmentation."""

import numpy as np
import pytest

from liverseg import phantom
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT


@pytest.fixture(scope="session")
def phantom_slice():
    """HU (128, 128, 3) float32, three times the same slice, and label bits (128, 128) uint8."""
    generated = phantom.make("slice", seed=4, size=128)
    bits = np.array([BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT], np.uint8)[generated.labels[0]]
    return np.repeat(generated.hu[0][..., None], 3, axis=-1).astype(np.float32), bits
