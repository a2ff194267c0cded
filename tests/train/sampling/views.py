"""Views of a phantom's slice, for the tests of the augmentation."""

import numpy as np
import torch

from train.sampling.augment import AugmentSettings, draw_view
from train.sampling.channels import span_of

SETTINGS = AugmentSettings(working_px=(90, 140), crop_px=64)
ONE_WINDOW = span_of([(60.0, 200.0)])
THREE_WINDOWS = span_of([(60.0, 200.0), (40.0, 400.0), (90.0, 150.0)])
SPANS = {"one window": ONE_WINDOW, "three windows": THREE_WINDOWS}


def draw_views(bits, settings, seeds, single_slice=False):
    """One view for each seed."""
    return [draw_view(bits, settings, np.random.default_rng(seed), single_slice) for seed in seeds]


def collate(views):
    """A batch of views as a loader collates it."""
    return torch.utils.data.default_collate(views)
