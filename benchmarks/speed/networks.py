"""The same SegFormer twice: as transformers has it, and as liverseg exports it, with the same weights."""

from __future__ import annotations

import io
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed.peers import need
from liverseg.core.window import Window
from liverseg.inference import engines
from registry.hub.cache import ENVIRONMENT

WINDOW = Window(60, 200)
TINY = {"widths": (8, 16, 20, 32), "depths": (1, 1, 1, 1), "decoder_width": 16}
"""For `--quick`: whether it runs."""


@dataclass(frozen=True)
class Twins:
    """One set of weights in two programs; both map (N, 1, H, W) float32 HU to (N, 3, H, W) probabilities."""

    name: str
    usual: torch.nn.Module  # windowing, transformers' network as it is, upsampling, softmax
    archive: bytes  # contract 1: TorchScript as `train export` writes it
    working_size: int  # of the longer side, pixels
    operations: int  # of ours, for a square slice: two for each multiplication and addition

    @property
    def context_slices(self) -> int:
        """One: peers see a slice at a time."""
        return 1


def published(name: str, side: int, quick: bool = False) -> Twins:
    """A SegFormer of its published size with random weights, that segments `side` × `side` pixels.

    The statistics of the BatchNorm are drawn too, so that a wrongly folded head would show, and the
    classifier is made decisive. Raises `NotMeasured` without transformers or `train`.
    """
    segformer = need("train.models.segformer")
    config = segformer.SEGFORMER_CONFIGS[name]
    if quick:
        config = segformer.SegFormerConfig(**TINY)
    torch.manual_seed(7)
    own = segformer.SegFormer(config).eval()
    with torch.no_grad():
        norm = own.head.norm
        for tensor, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.5, 2), (norm.bias, -1, 1)):
            tensor.uniform_(low, high)
    _make_decisive(own, side)
    return Twins(name, usual(own, side), exported(own, side), side, operations(own, side))


def _make_decisive(own: Any, side: int) -> None:
    """Centre and spread the logits of each class on a phantom, so that every class occurs."""
    graph = need("train.models.graph")
    with torch.no_grad():
        unit = graph.to_channels(torch.from_numpy(slice_hu(side)), *graph.window_tensors([WINDOW]))
        logits = own(graph.normalise(unit))
        gain = 3 / logits.std(dim=(0, 2, 3))
        last = own.head.classify
        last.bias.copy_((last.bias - logits.mean(dim=(0, 2, 3))) * gain)
        last.weight.mul_(gain[:, None, None, None])


def bundled(checkpoint: Any) -> Twins:
    """A SegFormer of a registry, and the same weights in transformers' network."""
    own = of_checkpoint(checkpoint)
    size = checkpoint.manifest.input.working_size
    return Twins(checkpoint.ref, usual(own, size), checkpoint.read_model(), size, operations(own, size))


def of_checkpoint(checkpoint: Any) -> Any:
    """Our network with the weights of a checkpoint's `model.safetensors`, in float32."""
    build, files = need("train.models").build, need("safetensors.torch")
    config = json.loads(checkpoint.read_verified("config.json"))
    own = build(checkpoint.manifest.architecture, decoder_width=config["decoder_width"]).eval()
    weights = files.load(checkpoint.read_verified("model.safetensors"))
    own.load_state_dict(own.state_dict() | {key: value.float() for key, value in weights.items()})
    return own


def usual(own: Any, working_size: int) -> torch.nn.Module:
    """Contract 1's graph around transformers' network with the weights of ours, a `SegFormer`."""
    graph = need("train.models.graph")
    return graph.HuToProbabilities(_Logits(in_transformers(own)), [WINDOW], working_size, 1).eval()


def exported(own: Any, working_size: int) -> bytes:
    """`model.pt` of our network, the decode head folded; the weights stay float32, as the peers' do."""
    graph, archive = need("train.models.graph"), need("train.export.archive").archive
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer's notes on shapes
        traced = torch.jit.trace(own.for_inference(), torch.zeros(1, 3, 128, 160), check_trace=False)
        module = torch.jit.script(graph.HuToProbabilities(traced, [WINDOW], working_size, 1).eval())
    return archive(module, "{}")


def operations(own: Any, side: int) -> int:
    """Of our network with its head folded: matrix products, convolutions and attention, nothing else."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        own.for_inference().to("meta")(torch.zeros(1, 3, side, side, device="meta"))
    return counter.get_total_flops()


def in_transformers(own: Any) -> torch.nn.Module:
    """transformers' SegFormer, untouched, with the weights of ours."""
    transformers = need("transformers")
    layout = need("train.models.hugging_face_layout")
    config = own.config
    model = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            depths=list(config.depths),
            hidden_sizes=list(config.widths),
            num_attention_heads=list(config.heads),
            sr_ratios=list(config.reductions),
            decoder_hidden_size=config.decoder_width,
            num_labels=own.head.classify.out_channels,
        )
    ).eval()
    theirs = model.state_dict()
    kind, prefix = layout.layout_of(theirs), layout.prefix_of(theirs)
    found: dict[str, torch.Tensor] = {}
    for name, tensor in own.state_dict().items():
        names = layout.hugging_face_names(name, kind, prefix)
        found.update(zip(names, tensor.chunk(len(names)), strict=True) if tensor.ndim else {names[0]: tensor})
    model.load_state_dict(found)
    return model


class _Logits(torch.nn.Module):
    """transformers answers with an object; this is the tensor in it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=grid).logits


def traced(module: torch.nn.Module, side: int) -> bytes:
    """TorchScript of a network for inputs of one size, as `torch.jit.trace` gives it."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, torch.zeros(1, 1, side, side), check_trace=False), buffer)
    return buffer.getvalue()


def default_engine(archive: bytes, context_slices: int, scratch: Path) -> engines.Engine:
    """The engine that `auto` takes; what it compiles is kept in `scratch`, not with what a user uses."""
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = str(scratch / "cache")
    try:
        return engines.load(archive, context_slices)
    finally:
        os.environ.pop(ENVIRONMENT)
        if before is not None:
            os.environ[ENVIRONMENT] = before


def slice_hu(side: int, seed: int = 1) -> np.ndarray:
    """(1, 1, side, side) float32 HU: a phantom."""
    from liverseg import phantom

    return phantom.make("slice", seed=seed, size=side).hu[None].astype(np.float32)
