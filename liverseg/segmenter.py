"""From a CT image to its segmentation, with a checkpoint of a registry."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import registry
from liverseg import engines
from liverseg.ct import CTImage
from liverseg.errors import CheckpointRefused
from liverseg.reading.checks import check_shape
from liverseg.segmentation import (
    CheckpointIdentity,
    Segmentation,
    check_threshold,
    labels_from_probabilities,
)
from liverseg.selection import check_slice
from registry import Checkpoint, Registries, RegistryError

DEFAULT_CHECKPOINT = "segformer-b0"
"""The checkpoint that is used when none is named, where the registry has it."""

Progress = Callable[[int, int], None]
"""Called with the slices done and the slices in all."""


def find_checkpoint(ref: str | None = None, registries: Registries | None = None) -> Checkpoint:
    """The checkpoint of a reference (`name` or `name@version`), or the default one.

    Raises `CheckpointRefused` when there is none of that name, or none at all.
    """
    try:
        registries = registries or registry.open_registries()
        if ref is not None:
            return registries.find(ref)
        checkpoints = registries.list()
        for checkpoint in checkpoints:
            if checkpoint.manifest.name == DEFAULT_CHECKPOINT:
                return registries.find(DEFAULT_CHECKPOINT)
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
    if not checkpoints:
        reasons = [problem.reason for problem in registries.problems if not problem.where]
        nothing = "The registry holds no checkpoint; LIVERSEG_REGISTRY names the registries to look in."
        raise CheckpointRefused(" ".join([nothing, *reasons]))
    return checkpoints[0]


class Segmenter:
    """A loaded checkpoint. One instance may be shared between threads."""

    def __init__(self, checkpoint: Checkpoint, engine: engines.Engine) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self.identity = CheckpointIdentity(
            checkpoint.ref, checkpoint.sha256, checkpoint.registry, checkpoint.revision
        )

    @classmethod
    def load(
        cls, ref: str | None = None, *, engine: str = "auto", registries: Registries | None = None
    ) -> Segmenter:
        """Find, verify and load a checkpoint.

        `ref` is `name` or `name@version`, None is the default checkpoint; `engine` is "auto",
        "torch" or "openvino". Raises `CheckpointRefused` when it is unknown or its files are not
        what its manifest says, `EngineUnavailable` when the engine is not installed.
        """
        return cls.from_checkpoint(find_checkpoint(ref, registries), engine=engine)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, engine: str = "auto") -> Segmenter:
        """Verify and load a checkpoint that was found already; errors as for `load`."""
        spec = checkpoint.manifest.input
        if spec.kind != "slices":
            raise CheckpointRefused(f"{checkpoint.ref} takes whole volumes, which this version does not run.")
        try:
            archive = checkpoint.read_model()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        return cls(checkpoint, engines.load(archive, spec.context_slices, engine))

    @property
    def threshold(self) -> float:
        """The tumour probability from which a pixel is called tumour, unless the caller says otherwise."""
        return self.checkpoint.manifest.tumour_threshold

    def segment(
        self,
        ct: CTImage,
        *,
        threshold: float | None = None,
        only_slice: int | None = None,
        progress: Progress | None = None,
    ) -> Segmentation:
        """Segment every slice of `ct`, or with `only_slice` that one, the others being left empty.

        `threshold` replaces the checkpoint's own. Raises `InputTooSmall` or `InputTooLarge` when a
        slice is outside the sizes that checkpoints take, `InvalidSetting` for a threshold outside
        (0, 1] or a slice that is not there.
        """
        check_shape(1, *ct.shape[1:])  # an image need not come from a reader
        threshold = self.threshold if threshold is None else threshold
        check_threshold(threshold)
        wanted = range(len(ct.hu)) if only_slice is None else [check_slice(ct, only_slice)]
        started = time.perf_counter()
        organ = np.zeros(ct.shape, np.float32)
        tumour = np.zeros(ct.shape, np.float32)
        for done, index in enumerate(wanted, start=1):
            _, liver, tumour[index] = self._probabilities(ct.hu, index)
            np.add(liver, tumour[index], out=organ[index])
            if progress:
                progress(done, len(wanted))
        network_s = time.perf_counter() - started
        return Segmentation(
            labels=labels_from_probabilities(organ, tumour, threshold),
            tumour_probability=tumour,
            organ_probability=organ,
            threshold=threshold,
            checkpoint=self.identity,
            engine=self.engine.name,
            timing_s={"network": network_s},
        )

    def _probabilities(self, hu: np.ndarray, index: int) -> np.ndarray:
        """(K, H, W) probabilities of one slice of (S, H, W), from it and its neighbours."""
        reach = self.checkpoint.manifest.input.context_slices // 2
        around = np.clip(np.arange(index - reach, index + reach + 1), 0, len(hu) - 1)
        return self.engine.run(hu[around][None])[0]
