"""The nnFormer network: its stages, sizes, parameters and options."""

import pytest
import torch
import torch.nn.functional as F

from tests.train.models.nnformer.reference import randomised
from train.errors import TrainError
from train.models import build
from train.models.nnformer import NNFORMER_CONFIGS, NnFormer, NnFormerConfig
from train.models.nnformer.attention import GlobalAttention

TINY = {"embedding": 16, "depths": (2, 1, 1, 1)}


@pytest.mark.parametrize("name, local", [("nnformer-2d", 3), ("nnformer-3d", 2)])
def test_shallow_stages_alternate_shifted_windows_and_deep_ones_are_global(name, local):
    with torch.device("meta"):
        network = build(name)
    for stages in (network.encoder, network.decoder):
        for stage, blocks in enumerate(stages):
            attentions = [block.attention for block in blocks]
            if stage < local:
                assert [attention.shifted for attention in attentions] == [False, True]
            else:
                assert all(isinstance(attention, GlobalAttention) for attention in attentions)
    reach = network.encoder[3][0].attention.bias.reach
    assert reach == ((7, 7) if name == "nnformer-2d" else (1, 3, 3))


def test_each_decoder_stage_gets_the_up_sampled_grid_and_the_encoder_grid():
    network = build("nnformer-2d", **TINY).eval()
    seen = []
    for blocks in network.decoder:
        blocks[0].register_forward_pre_hook(lambda block, inputs: seen.append(inputs[:2]))
    with torch.no_grad():
        grids, tilings = network.encode(torch.randn(1, 3, 72, 100))
        decoded = network.decode(grids, tilings)
        for stage, (up, skip) in zip((2, 1, 0), seen, strict=True):
            below = grids[3] if stage == 2 else decoded[stage + 1]
            height, width = grids[stage].shape[1:3]
            assert skip is grids[stage]
            assert torch.equal(up, network.up[stage](below)[:, :height, :width])


def test_the_published_number_of_parameters():
    """The paper states 150.5 million for tumours (4 modalities, 4 classes); the deviation is below 0.1 %.

    The difference is mostly rows of position tables that are never used on the crop of 64 × 128 × 128:
    these tables have the size of the grids there, 4 × 8 × 8 and 2 × 4 × 4, not that of the published
    windows, 8 × 8 × 8 and 4 × 4 × 4. With these rows the count agrees to 0.1 million.
    """
    with torch.device("meta"):
        network = build("nnformer-3d", classes=4, channels=4)
    count = sum(p.numel() for p in network.parameters())
    assert abs(count - 150.5e6) < 0.001 * 150.5e6
    never_used = 4 * 24 * (15 * 15 * 15 - 7 * 15 * 15) + 2 * 48 * (7**3 - 3 * 7 * 7)
    assert abs(count + never_used - 150.5e6) < 0.1e6
    config = NNFORMER_CONFIGS["nnformer-3d"]
    assert [config.heads(stage) for stage in range(4)] == [6, 12, 24, 48]


def test_a_volume_of_depth_one_gives_the_logits_of_a_slice():
    """With patch, windows and strides of 1 along the first axis, the 3D network equals the 2D network."""
    config = NnFormerConfig((4, 4), ((4, 4), (4, 4), (4, 4), None), (128, 128), embedding=16)
    windows = ((1, 4, 4), (1, 4, 4), (1, 4, 4), None)
    deep = NnFormerConfig((1, 4, 4), windows, (1, 128, 128), embedding=16)
    flat, thick = randomised(NnFormer(config, channels=2)), NnFormer(deep, channels=2).eval()
    weights = {}
    for name, tensor in flat.state_dict().items():
        expected = thick.state_dict()[name].shape
        if len(expected) == 5 and expected[2] == 3:  # a convolution: set the middle one of three planes
            tensor = F.pad(tensor[:, :, None], (0, 0, 0, 0, 1, 1))
        weights[name] = tensor.reshape(expected)
    thick.load_state_dict(weights)
    picture = torch.randn(2, 2, 56, 72)
    with torch.no_grad():
        assert torch.allclose(thick(picture[:, :, None])[:, :, 0], flat(picture), atol=1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (33, 70), (100, 36), (16, 130)])
def test_logits_have_the_size_of_the_picture(shape):
    network = build("nnformer-2d", channels=1, classes=2, **TINY)
    picture = torch.randn(1, 1, *shape)
    logits = network.train()(picture)
    half, quarter = ([-(-size // step) for size in shape] for step in (2, 4))
    assert [list(level.shape[2:]) for level in logits] == [list(shape), half, quarter]
    assert network.eval()(picture).shape == (1, 2, *shape)
    plain_network = build("nnformer-2d", channels=1, classes=2, deep_supervision=False, **TINY)
    assert plain_network.train()(picture).shape == (1, 2, *shape)


def test_the_inference_copy_has_one_head_and_the_same_logits():
    network = build("nnformer-2d", **TINY).eval()
    inference = network.for_inference()
    picture = torch.randn(1, 3, 48, 64)
    assert torch.equal(inference(picture), network(picture))
    assert len(inference.heads) == 1 and len(network.heads) == 3
    assert not any(p.requires_grad for p in inference.parameters())


def test_stochastic_depth_drops_branches_in_training_only():
    network = build("nnformer-2d", drop_path=0.9, **TINY)
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(network.train()(picture)[0], network(picture)[0])
        assert torch.equal(network.eval()(picture), network(picture))
    rates = [block.drop_path.rate for blocks in network.encoder for block in blocks]
    assert rates == pytest.approx([0, 0.225, 0.45, 0.675, 0.9])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"decoder_width": 64}, "nnformer-2d has no option decoder_width; it has embedding"),
        ({"embedding": 33}, "33 is not"),
        ({"embedding": 0}, "0 is not"),
        ({"embedding": "32"}, "whole number"),
        ({"depths": (2, 2, 2)}, "4 stages"),
        ({"depths": (2, 0, 2, 2)}, "4 stages"),
        ({"drop_path": 1.0}, "from 0 to below 1"),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(options, message):
    with pytest.raises(TrainError, match=message):
        build("nnformer-2d", **options)


def test_an_option_that_is_none_is_the_published_value():
    with torch.device("meta"):
        assert build("nnformer-2d", embedding=None, decoder_width=None).embed.norms[2].weight.shape == (96,)
