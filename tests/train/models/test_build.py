"""Every architecture by name: it trains, exports, and gives the same probabilities after reloading."""

import io
from dataclasses import replace

import pytest
import torch

from liverseg.core.window import Window
from registry import InputSpec, WindowSpec
from train.errors import TrainError
from train.export.archive import archive
from train.export.float16_weights import with_half_weights
from train.export.torchscript import SLICE_EXAMPLE, VOLUME_EXAMPLE, script
from train.models import build, names
from train.models.graph import HuToProbabilities, HuToProbabilitiesVolume, network_channels
from train.models.segformer import SEGFORMER_CONFIGS

PARAMETERS = {  # with 3 classes, 3 channels and the default options
    "nnformer-2d": 28_748_829,
    "nnformer-3d": 150_295_713,
    "segformer-b0": 3_714_915,
    "segformer-b1": 13_678_019,
    "segformer-b2": 27_348_931,
    "segformer-b3": 47_224_771,
    "segformer-b4": 63_995_331,
    "segformer-b5": 84_595_651,
}
PUBLISHED_MILLIONS = {"b0": 3.8, "b1": 13.7, "b2": 27.5, "b3": 47.3, "b4": 64.1, "b5": 84.7}  # on ADE20K

SMALL = {"embedding": 16, "depths": (2, 1, 1, 1)}
DEEPER = {"segformer-b3", "segformer-b4", "segformer-b5"}  # B2 with more blocks
OPTIONS = dict.fromkeys(("nnformer-2d", "nnformer-3d"), SMALL)
OPTIONS |= {"segformer-b1": {"depths": (1, 1, 1, 1)}, "segformer-b2": {"depths": (1, 1, 2, 1)}}


def parameters(name: str, **options: int) -> int:
    """The number of parameters of an architecture."""
    with torch.device("meta"):
        return sum(p.numel() for p in build(name, **options).parameters())


def test_the_number_of_parameters_of_each_architecture():
    assert {name: parameters(name) for name in names()} == PARAMETERS


@pytest.mark.parametrize("size", PUBLISHED_MILLIONS)
def test_segformers_have_the_published_number_of_parameters(size):
    assert round(parameters(f"segformer-{size}", classes=150) / 1e6, 1) == PUBLISHED_MILLIONS[size]


def test_a_small_nnformer_fits_into_a_small_checkpoint():
    assert parameters("nnformer-2d", embedding=32) < 4_800_000  # 9.6 MB as float16


def test_deeper_segformers_differ_only_in_the_number_of_blocks():
    shallow = SEGFORMER_CONFIGS["segformer-b2"]
    for name in DEEPER:
        assert SEGFORMER_CONFIGS[name].depths > shallow.depths
        assert replace(SEGFORMER_CONFIGS[name], depths=shallow.depths) == shallow


@pytest.mark.parametrize("name", [name for name in names() if name not in DEEPER])
def test_each_architecture_trains_exports_and_reloads(name):
    torch.manual_seed(0)
    volume = name.endswith("-3d")
    windows = (WindowSpec(60, 200), WindowSpec(40, 400))
    spec = InputSpec("volume" if volume else "slices", 1, windows, working_size=64)
    shown = [Window(w.center_hu, w.width_hu) for w in windows]
    channels = len(windows) if volume else network_channels(shown, 1)
    network = build(name, channels=channels, drop_path=0.0, **OPTIONS.get(name, {})).train()

    size = (8, 64, 96) if volume else (64, 96)
    outputs = network(torch.randn(2, channels, *size))
    levels = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(level.square().mean() for level in levels).backward()
    assert all(p.grad is not None for p in network.parameters())
    without_gradient = [n for n, p in network.named_parameters() if not p.grad.any()]
    # Biases that a norm or a softmax cancels have no gradient.
    assert not [n for n in without_gradient if n.endswith(("weight", "table"))]
    network.zero_grad()

    inference = network.for_inference()
    buffer = io.BytesIO(archive(script(inference, spec), "{}"))
    reloaded = torch.jit.load(buffer)
    half = with_half_weights(inference)
    stored, exact = (
        HuToProbabilitiesVolume(n, shown) if volume else HuToProbabilities(n, shown, 64, 1)
        for n in (half, inference)
    )
    other = (6, 50, 44) if volume else (75, 101)
    assert other not in (SLICE_EXAMPLE, VOLUME_EXAMPLE)
    hu = torch.randn(2, 1, *other) * 100 + 50
    with torch.no_grad(), torch.jit.optimized_execution(False):
        probabilities = reloaded(hu)
        assert probabilities.shape == (2, 3, *other) and probabilities.dtype == torch.float32
        assert torch.allclose(probabilities, stored(hu), atol=1e-4)
        assert (probabilities - exact(hu)).abs().mean() < 5e-3  # float16 weights
        assert torch.allclose(probabilities.sum(1), torch.ones(2, *other), atol=1e-5)


def test_an_unknown_name_is_refused_with_a_list_of_names():
    with pytest.raises(
        TrainError, match="no architecture 'segformer-b9'; there are nnformer-2d, .*segformer-b5"
    ):
        build("segformer-b9")


def test_an_unknown_option_is_refused_with_a_list_of_options():
    with pytest.raises(TrainError, match="segformer-b0 has no option embedding; it has decoder_width"):
        build("segformer-b0", embedding=32)


@pytest.mark.parametrize(
    "options", [{"decoder_width": 0}, {"depths": (2, 2, 2)}, {"depths": "2222"}, {"drop_path": 1}]
)
def test_impossible_segformer_options_are_refused(options):
    with pytest.raises(TrainError):
        build("segformer-b0", **options)
