"""The segmenter: from a CT image to its segmentation, with a checkpoint of a registry."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

import registry
from liverseg.core.image import CTImage
from liverseg.core.labels import check_threshold
from liverseg.core.largest_component import keep_largest_body
from liverseg.core.lesion_candidates import LesionRules
from liverseg.core.limits import MAX_SIDE_PX, check_shape
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.slice_skipping import true_ranges
from liverseg.core.slice_smoothing import smooth_across_slices
from liverseg.core.slicing import check_slice
from liverseg.core.sure_bodies import remove_unsure_bodies
from liverseg.errors import CheckpointRefused
from liverseg.inference import engines
from liverseg.inference.fallback import use_undamaged
from liverseg.inference.prediction import PredictionBuffer
from liverseg.inference.progress import ProgressCallback, RunMonitor, StopSignal
from liverseg.inference.resampling import grid_shape
from liverseg.inference.rules import InferenceRules, inference_rules
from liverseg.inference.slice_run import SizedNetworks, SliceRun
from liverseg.inference.sliding_window import VolumeRun
from registry import Checkpoint, InputSpec, Registries, RegistryError

DEFAULT_CHECKPOINT = "segformer-b0"
"""The checkpoint to use when none is named, if the registry has it."""

DEFAULT_PATCH_SIDE = 128
"""Largest side in voxels of a patch that the manifest of a checkpoint for volumes does not state."""


def find_checkpoint(ref: str | None = None, registries: Registries | None = None) -> Checkpoint:
    """The checkpoint with the reference `ref` (`name` or `name@version`), or the default checkpoint.

    Raises `CheckpointRefused` when there is no such checkpoint, or none at all.
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
        empty = "The registry holds no checkpoint; LIVERSEG_REGISTRY names the registries to search."
        raise CheckpointRefused(" ".join([empty, *reasons]))
    return checkpoints[0]


def patch_shape(spec: InputSpec) -> tuple[int, int, int]:
    """The patch in voxels (slices, rows, columns) of a network for volumes.

    >>> patch_shape(InputSpec("volume", 1, (), 256))
    (128, 128, 128)
    """
    side = min(spec.working_size, DEFAULT_PATCH_SIDE)
    return spec.patch or (side, side, side)


def check_fits(checkpoint: Checkpoint, ct: CTImage) -> None:
    """Raise `CheckpointRefused` unless a checkpoint for volumes can run on `ct`."""
    if len(ct.hu) == 1:
        raise CheckpointRefused(
            f"{checkpoint.ref} takes volumes and this is a single slice; choose a checkpoint for slices."
        )
    needed = checkpoint.manifest.input.spacing_mm
    if needed is None:
        return
    if ct.spacing_mm is None:
        raise CheckpointRefused(
            f"{checkpoint.ref} works at {' × '.join(f'{s:g}' for s in needed)} mm and the spacing of this "
            "input is unknown; choose a checkpoint for slices."
        )
    if max(grid_shape(ct.shape, ct.spacing_mm, needed)) > MAX_SIDE_PX:
        raise CheckpointRefused(f"The spacing of {checkpoint.ref} is too fine for a volume of this extent.")


class Segmenter:
    """A loaded checkpoint that segments CT images. Threads may share one instance."""

    def __init__(self, checkpoint: Checkpoint, engine: engines.Engine) -> None:
        """Raises `CheckpointRefused` for rules that this version does not know."""
        self.checkpoint = checkpoint
        self.engine = engine
        self.rules: InferenceRules = inference_rules(checkpoint.manifest.extra, checkpoint.ref)
        self._networks = SizedNetworks(engine, checkpoint.manifest.input)
        self.identity = CheckpointIdentity(
            checkpoint.ref, checkpoint.sha256, checkpoint.registry, checkpoint.revision
        )

    @classmethod
    def load(
        cls, ref: str | None = None, *, engine: str = "auto", registries: Registries | None = None
    ) -> Segmenter:
        """Find, verify and load a checkpoint.

        `ref` is `name` or `name@version`, or None for the default checkpoint. Without a version, a damaged
        checkpoint is logged and the next one is used. `engine` is "auto", "torch" or "openvino". Raises
        `CheckpointRefused` when the checkpoint is unknown or its files do not match its manifest, and
        `EngineUnavailable` when the engine is not installed.
        """
        try:
            registries = registries or registry.open_registries()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        return use_undamaged(
            ref,
            registries,
            lambda asked: find_checkpoint(asked, registries),
            lambda checkpoint: cls.from_checkpoint(checkpoint, engine=engine),
        )

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, *, engine: str = "auto", archive: bytes | None = None
    ) -> Segmenter:
        """Verify and load a checkpoint; errors as for `load`.

        `archive` is the result of `checkpoint.read_model()`, if the caller has it.
        """
        spec = checkpoint.manifest.input
        inference_rules(
            checkpoint.manifest.extra, checkpoint.ref
        )  # refuses it before the network is compiled
        try:
            archive = archive or checkpoint.read_model()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        patch = patch_shape(spec) if spec.kind == "volume" else None
        return cls(checkpoint, engines.load(archive, spec.context_slices, engine, patch))

    @property
    def threshold(self) -> float:
        """The checkpoint's tumour threshold: the probability from which a pixel is labelled tumour."""
        return self.checkpoint.manifest.tumour_threshold

    def lesion_rules(self, slices: int) -> LesionRules:
        """How lesions are decided in a volume of `slices`, or in a single slice."""
        return self.rules.volume_lesions if slices > 1 else self.rules.slice_lesions

    def segment(
        self,
        ct: CTImage,
        *,
        threshold: float | None = None,
        lesion_cut: float | None = None,
        only_slice: int | None = None,
        keep_all: bool = False,
        progress: ProgressCallback | None = None,
        cancelled: StopSignal | None = None,
    ) -> Segmentation:
        """Segment every slice of `ct`, or only the slice `only_slice` and leave the others empty.

        In a volume only the largest connected body is kept (`core.largest_component`), and slices that
        cannot change it are skipped (`core.slice_skipping`, or `coarse_to_fine` if the checkpoint has a rule
        for it). With `keep_all` every slice is run and every body kept. In a single slice the liver may
        appear in several parts: only bodies that the network is not sure of are removed, if the checkpoint
        has a rule for it (`core.sure_bodies`). The checkpoint's rules decide which lesions are likely
        (`core.lesion_candidates`).

        `threshold` replaces the threshold of the checkpoint, `lesion_cut` the lesion probability from which a
        lesion is likely. Raises `InputTooSmall` or `InputTooLarge` when a slice has an unsupported size,
        `InvalidSetting` for a threshold outside (0, 1], a cut outside [0, 1], a cut without a lesion model or
        a slice that does not exist, `CheckpointRefused` when a checkpoint for volumes does not fit the input
        or its working size cannot be changed, and `Cancelled` when `cancelled` (a function or a
        `threading.Event`) stops the run.
        """
        check_shape(1, *ct.shape[1:])  # the image may not come from a reader, which checks this
        threshold = self.threshold if threshold is None else threshold
        check_threshold(threshold)
        wanted = range(len(ct.hu)) if only_slice is None else [check_slice(ct, only_slice)]
        largest_only = len(ct.hu) > 1 and only_slice is None and not keep_all
        rules = self.lesion_rules(len(wanted))
        rules = rules if lesion_cut is None else rules.with_cut(lesion_cut)
        smoothing = self.rules.smoothing
        watch = RunMonitor(len(wanted), progress, cancelled)
        buffer = PredictionBuffer(ct.shape, threshold)
        started = time.perf_counter()
        run = SliceRun(self._networks, ct, buffer, watch)
        bodies, not_run, searched = None, np.zeros(len(ct.hu), bool), False
        if self.checkpoint.manifest.input.kind == "volume":
            self._run_volume(ct, buffer, watch, wanted)
        elif largest_only:
            searched = self.rules.search is not None and run.coarse_to_fine(self.rules.search, not_run)
            if not searched and smoothing is None:
                bodies = run.needed_slices(not_run)
            elif not searched:  # the choice of needed slices knows the labels before smoothing only
                run.slices(wanted)
        else:
            run.slices(wanted)
        if smoothing is not None and len(wanted) > 1:
            weights = smoothing.weights(ct.spacing_mm and ct.spacing_mm[0])
            for stack in (buffer.organ, buffer.tumour):
                smooth_across_slices(stack, weights)
            buffer.clear(not_run)  # smoothing reaches into the skipped slices
            buffer.relabel()
            bodies = None
        removed = keep_largest_body(buffer.labels, bodies) if largest_only else None
        least = self.rules.least_body_probability if len(wanted) == 1 and not keep_all else 0.0
        if least:
            removed = remove_unsure_bodies(buffer.labels[wanted[0]], buffer.organ[wanted[0]], least)
        seg = Segmentation(
            labels=buffer.labels,
            tumour_probability=buffer.tumour,
            organ_probability=buffer.organ,
            threshold=threshold,
            checkpoint=self.identity,
            engine=self.engine.name,
            removed=removed,
            skipped=tuple((gap.start, gap.stop - 1) for gap in true_ranges(not_run)),
            searched=searched,
            keep_all=keep_all,
            only_slice=only_slice,
            least_body_probability=least,
        ).with_lesions(rules)
        elapsed_s = time.perf_counter() - started
        seg.timing_s.update({"network": buffer.network_s, "post-processing": elapsed_s - buffer.network_s})
        watch.done(len(wanted))
        return seg

    def _run_volume(
        self, ct: CTImage, buffer: PredictionBuffer, watch: RunMonitor, wanted: Sequence[int]
    ) -> None:
        """Run the whole volume in patches and store the `wanted` slices."""
        spec = self.checkpoint.manifest.input
        check_fits(self.checkpoint, ct)
        run = VolumeRun(ct.hu, ct.spacing_mm, patch_shape(spec), spec.spacing_mm)

        def before_patch(patches: int) -> None:
            watch.check()
            watch.done(patches * len(wanted) // run.patches)

        for z, liver, tumour in run.probabilities(buffer.timed(self.engine.run), before_patch):
            if z in wanted:
                buffer.store(z, liver, tumour)
