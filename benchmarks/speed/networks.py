"""The same SegFormer in transformers and as exported by liverseg, with the same weights."""

from __future__ import annotations

import io
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
from registry.hub.cache import CACHE_VARIABLE

WINDOW = Window(60, 200)
TINY = {"widths": (8, 16, 20, 32), "depths": (1, 1, 1, 1), "decoder_width": 16}
"""The configuration for `--quick`."""


@dataclass(frozen=True)
class Twins:
    """One set of weights in two networks that map float32 HU (N, 1, H, W) to probabilities (N, 3, H, W)."""

    name: str
    usual: torch.nn.Module  # windowing, the unchanged network of transformers, upsampling, softmax
    archive: bytes  # TorchScript in the checkpoint format, as `train export` writes it
    working_size: int  # pixels of the longer side
    operations: int  # of liverseg's network for a square slice; a multiply-add counts as two

    @property
    def context_slices(self) -> int:
        """The slices per input: one, as for the peers."""
        return 1


def published(name: str, side: int, quick: bool = False) -> Twins:
    """A SegFormer of the published size with random weights for `side` × `side` pixels.

    The BatchNorm statistics are random too, so that an error in folding the head changes the output, and
    every class occurs in the output. Raises `NotMeasured` without transformers or `train`.
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
    _spread_classes(own, side)
    return Twins(name, usual(own, side), exported(own, side), side, operations(own, side))


def _spread_classes(own: Any, side: int) -> None:
    """Centre and scale the logits of each class on a phantom, so that every class occurs."""
    graph = need("train.models.graph")
    with torch.no_grad():
        unit = graph.to_channels(torch.from_numpy(slice_hu(side)), *graph.window_tensors([WINDOW]))
        logits = own(graph.normalise(unit))
        gain = 3 / logits.std(dim=(0, 2, 3))
        last = own.head.classify
        last.bias.copy_((last.bias - logits.mean(dim=(0, 2, 3))) * gain)
        last.weight.mul_(gain[:, None, None, None])


def bundled(checkpoint: Any) -> Twins:
    """A checkpoint of a registry, and transformers' network with its weights."""
    own = of_checkpoint(checkpoint)
    size = checkpoint.manifest.input.working_size
    return Twins(checkpoint.ref, usual(own, size), checkpoint.read_model(), size, operations(own, size))


def of_checkpoint(checkpoint: Any) -> Any:
    """The network of `train` with the weights of a checkpoint's `model.safetensors`, in float32."""
    state = need("train.checkpoint_weights").load_checkpoint_weights(checkpoint.folder)
    return need("train.networks").trained_network(state)


def usual(own: Any, working_size: int) -> torch.nn.Module:
    """transformers' network with the weights of `own`, between the windowing and softmax of a checkpoint."""
    graph = need("train.models.graph")
    return graph.HuToProbabilities(_Logits(in_transformers(own)), [WINDOW], working_size, 1).eval()


def exported(own: Any, working_size: int) -> bytes:
    """`model.pt` of a network with the decode head folded; the weights stay float32, as in the peers."""
    graph, archive = need("train.models.graph"), need("train.export.archive").archive
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # warnings of the tracer about shapes
        traced = torch.jit.trace(own.for_inference(), torch.zeros(1, 3, 128, 160), check_trace=False)
        module = torch.jit.script(graph.HuToProbabilities(traced, [WINDOW], working_size, 1).eval())
    return archive(module, "{}")


def operations(own: Any, side: int) -> int:
    """The operations of matrix products, convolutions and attention of the network with its head folded."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        own.for_inference().to("meta")(torch.zeros(1, 3, side, side, device="meta"))
    return counter.get_total_flops()


def in_transformers(own: Any) -> torch.nn.Module:
    """transformers' SegFormer, unchanged, with the weights of `own`, a SegFormer of `train`."""
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
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in own.state_dict().items():
        names = layout.hugging_face_names(name, kind, prefix)
        weights.update(
            zip(names, tensor.chunk(len(names)), strict=True) if tensor.ndim else {names[0]: tensor}
        )
    model.load_state_dict(weights)
    return model


class _Logits(torch.nn.Module):
    """Returns the logits tensor from the output object of transformers."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=grid).logits


def traced(module: torch.nn.Module, side: int) -> bytes:
    """The TorchScript of a network, traced for inputs (1, 1, side, side)."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, torch.zeros(1, 1, side, side), check_trace=False), buffer)
    return buffer.getvalue()


def default_engine(archive: bytes, context_slices: int, scratch: Path) -> engines.Engine:
    """The engine that `auto` selects; its compiled network is cached in `scratch`, not in the user cache."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(scratch / "cache")
    try:
        return engines.load(archive, context_slices)
    finally:
        os.environ.pop(CACHE_VARIABLE)
        if before is not None:
            os.environ[CACHE_VARIABLE] = before


def slice_hu(side: int, seed: int = 1) -> np.ndarray:
    """A phantom slice: float32 HU (1, 1, side, side)."""
    from liverseg import phantom

    return phantom.make("slice", seed=seed, size=side).hu[None].astype(np.float32)
