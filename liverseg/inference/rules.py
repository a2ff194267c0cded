"""The rules of a checkpoint for volumes, lone slices and lesions, read from its manifest (pure).

`volume_rules` holds what is done in volumes only: the search for the liver at low resolution, smoothing
across slices and hysteresis; `slice_rules` what is done in lone slices only. `lesion_model` holds how the
probability of a candidate lesion is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liverseg.core.lesion_candidates import NO_RULES, LesionRules
from liverseg.core.lesion_model import LesionModel
from liverseg.core.slice_smoothing import SmoothingRule
from liverseg.errors import CheckpointRefused

RULE_KEYS = ("volume_rules", "slice_rules", "lesion_model")
"""The keys of a manifest that hold the rules for volumes, lone slices and lesions."""

_KNOWN_RULES = ("search", "smoothing", "hysteresis")
_KNOWN_SLICE_RULES = ("least_body_probability",)
_KNOWN_METHODS = ("logistic regression",)


@dataclass(frozen=True)
class SearchRule:
    """Coarse to fine: the liver is located at a low resolution, and segmented within its box."""

    working_size: int  # longer side of a slice in the search, pixels
    margin: float  # added on each side of the liver, as a share of the longer side of a slice
    scale: float  # resolution in the box, divided by that of a whole slice at the checkpoint's working size


@dataclass(frozen=True)
class InferenceRules:
    """All rules of a checkpoint. The default is none."""

    search: SearchRule | None = None
    smoothing: SmoothingRule | None = None
    least_body_probability: float = 0.0  # of a lone slice (`core.sure_bodies`); 0: every body is kept
    volume_lesions: LesionRules = NO_RULES
    slice_lesions: LesionRules = NO_RULES


def inference_rules(manifest: Mapping[str, Any], ref: str) -> InferenceRules:
    """The rules in the keys `volume_rules`, `slice_rules` and `lesion_model` of a manifest.

    `ref` names the checkpoint in messages. Raises `CheckpointRefused` for a rule, a method or a feature that
    this version does not know: results without it would differ from the published ones.
    """
    volume = manifest.get("volume_rules") or {}
    lone = manifest.get("slice_rules") or {}
    unknown = sorted(set(volume) - set(_KNOWN_RULES)) + sorted(set(lone) - set(_KNOWN_SLICE_RULES))
    model = manifest.get("lesion_model") or {}
    method = model.get("method")
    if method is not None and method not in _KNOWN_METHODS:
        unknown.append(method)
    if unknown:
        raise CheckpointRefused(
            f"{ref} uses the rule {unknown[0]!r}, which this version of liverseg does not know; "
            "update liverseg."
        )
    try:
        if model and method is None:
            raise KeyError("method")
        seed = volume["hysteresis"]["seed_probability"] if "hysteresis" in volume else 0.0
        search, smoothing = volume.get("search"), volume.get("smoothing")
        return InferenceRules(
            None if search is None else SearchRule(search["working_size"], search["margin"], search["scale"]),
            None if smoothing is None else SmoothingRule(smoothing["sigma_mm"], smoothing["sigma_slices"]),
            _mean_probability(lone.get("least_body_probability", 0.0)),
            _lesion_rules(model.get("volume"), seed),
            _lesion_rules(model.get("slice"), 0.0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointRefused(
            f"The rules in the manifest of {ref} are incomplete or unknown ({error}); update liverseg or "
            "choose another checkpoint."
        ) from error


def _mean_probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError("least_body_probability")
    return float(value)


def _lesion_rules(data: Mapping[str, Any] | None, seed: float) -> LesionRules:
    if data is None:
        return LesionRules(seed) if seed else NO_RULES
    model = LesionModel.from_dict(data)
    return LesionRules(seed, model, model.cut)
