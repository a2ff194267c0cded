"""Names of SegFormer's weights, compared with those of transformers."""

import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from train.models import build
from train.models.hugging_face_layout import hugging_face_names, layout_of, prefix_of


def test_every_weight_of_transformers_has_one_counterpart():
    with torch.device("meta"):
        theirs = set(SegformerForSemanticSegmentation(SegformerConfig(num_labels=3)).state_dict())
        own = build("segformer-b0").state_dict()
    layout, prefix = layout_of(theirs), prefix_of(theirs)
    mapped = [name for key in own for name in hugging_face_names(key, layout, prefix)]
    assert len(mapped) == len(set(mapped)) and set(mapped) == theirs
