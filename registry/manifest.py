"""The manifest of a checkpoint as frozen dataclasses, read from and written to JSON.

`metrics` and `training` stay plain JSON, as the schema describes them. Unknown keys at the top level and in
`input` are kept in `extra` and written back, so that reading and writing a newer manifest loses nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from registry.errors import ManifestInvalid
from registry.schema import SCHEMA_ID, check_schema, parse_json

CLASSES = ("background", "liver", "tumour")
MODEL_FILE = "model.pt"
CONFIG_FILE = "config.json"
DEFAULT_TUMOUR_THRESHOLD = 0.5


class Headline(TypedDict):
    """The pooled Dice to show beside a checkpoint's name, and the data it was measured on."""

    liver: float | None  # pooled Dice
    tumour: float | None  # pooled Dice
    liver_n: int | None
    tumour_n: int | None
    dataset: str
    split: str
    protocol: str


@dataclass(frozen=True)
class WindowSpec:
    """A CT window; the network has one input channel per window."""

    center_hu: float
    width_hu: float


@dataclass(frozen=True)
class InputSpec:
    """The input of `forward`: float32 HU, (N, C, H, W) for slices or (N, 1, D, H, W) for a volume."""

    kind: str  # "slices" | "volume"
    context_slices: int  # C: 1, 3 or 5
    windows: tuple[WindowSpec, ...]
    working_size: int  # pixels of the longer side after resizing inside the network
    spacing_mm: tuple[float, float, float] | None = None  # between slices, rows, columns
    patch: tuple[int, int, int] | None = None  # voxels per run of a volume: slices, rows, columns
    extra: dict[str, Any] = field(default_factory=dict)  # unknown keys


@dataclass(frozen=True)
class FileRecord:
    """The expected digest and size of a file."""

    sha256: str  # 64 lower-case hex digits
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`. Build it with `files` empty; `write_checkpoint` fills them in.

    `metrics` is a list of `{dataset, split, protocol, values}` where `values` maps a metric (`dice_global`,
    `dice_per_case`, ...) to `{class: {value, n}}`; the first entry is the headline. `training` is
    `{datasets: [{name, licence, citation, slices?}], samples_seen, seed, commit, hardware}`.
    """

    name: str
    version: str
    architecture: str
    input: InputSpec
    metrics: list[dict[str, Any]]
    training: dict[str, Any]
    licence: str
    torch_version: str
    created: str  # ISO 8601 with the UTC offset
    title: str = ""
    tumour_threshold: float = DEFAULT_TUMOUR_THRESHOLD
    classes: tuple[str, ...] = CLASSES
    files: dict[str, FileRecord] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # unknown keys

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def headline(self) -> Headline:
        """The pooled Dice of the first entry of `metrics`; None where it was not measured."""
        nothing: dict[str, Any] = {"dataset": "", "split": "", "protocol": "", "values": {}}
        entry = self.metrics[0] if self.metrics else nothing
        dice = entry["values"].get("dice_global", {})
        liver, tumour = dice.get("liver", {}), dice.get("tumour", {})
        return {
            "liver": liver.get("value"),
            "tumour": tumour.get("value"),
            "liver_n": liver.get("n"),
            "tumour_n": tumour.get("n"),
            "dataset": entry["dataset"],
            "split": entry["split"],
            "protocol": entry["protocol"],
        }

    def with_files(self, files: dict[str, FileRecord]) -> Manifest:
        """The same manifest with the given file records."""
        return replace(self, files=dict(files))

    def to_dict(self, *, with_files: bool = True) -> dict[str, Any]:
        """The manifest as JSON data, its keys in the order of the file."""
        result: dict[str, Any] = {"schema": SCHEMA_ID, "name": self.name, "version": self.version}
        if self.title:
            result["title"] = self.title
        spacing = self.input.spacing_mm
        result |= {
            "architecture": self.architecture,
            "classes": list(self.classes),
            "input": {
                "kind": self.input.kind,
                "context_slices": self.input.context_slices,
                "windows": [{"center_hu": w.center_hu, "width_hu": w.width_hu} for w in self.input.windows],
                "working_size": self.input.working_size,
                "spacing_mm": None if spacing is None else list(spacing),
                **({} if self.input.patch is None else {"patch": list(self.input.patch)}),
                **self.input.extra,
            },
            "tumour_threshold": self.tumour_threshold,
            "metrics": self.metrics,
            "training": self.training,
            "licence": self.licence,
            "torch_version": self.torch_version,
            "created": self.created,
            **self.extra,
        }
        if with_files:
            result["files"] = {
                name: {"sha256": record.sha256, "bytes": record.bytes}
                for name, record in sorted(self.files.items())
            }
        return result

    def to_json(self, *, with_files: bool = True) -> str:
        """The text of `manifest.json`.

        Use `with_files=False` for the copy inside `model.pt`, which cannot hold the digest of `model.pt`:
        `torch.jit.save(m, f, _extra_files={"manifest.json": text})`.
        """
        return (
            json.dumps(self.to_dict(with_files=with_files), indent=2, ensure_ascii=False, allow_nan=False)
            + "\n"
        )

    def check(self) -> None:
        """Raises `ManifestInvalid` unless the manifest, `files` included, matches the schema."""
        try:
            text = self.to_json()
        except (TypeError, ValueError):
            raise ManifestInvalid(
                "The manifest holds a value that JSON cannot represent: NaN, an array, …"
            ) from None
        check_schema(parse_json(text))

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """The manifest in the text of `manifest.json`; raises `ManifestInvalid`."""
        data = parse_json(text)
        check_schema(data)
        return cls._from_checked(data)

    @classmethod
    def _from_checked(cls, data: dict[str, Any]) -> Manifest:
        raw = dict(data["input"])
        windows = tuple(WindowSpec(w["center_hu"], w["width_hu"]) for w in raw.pop("windows"))
        spacing, patch = raw.pop("spacing_mm"), raw.pop("patch", None)
        spec = InputSpec(
            kind=raw.pop("kind"),
            context_slices=raw.pop("context_slices"),
            windows=windows,
            working_size=raw.pop("working_size"),
            spacing_mm=None if spacing is None else tuple(spacing),
            patch=None if patch is None else tuple(patch),
            extra=raw,
        )
        own = {key: data[key] for key in _OWN_KEYS if key in data}
        return cls(
            **own,
            input=spec,
            classes=tuple(data["classes"]),
            files={name: FileRecord(r["sha256"], r["bytes"]) for name, r in data["files"].items()},
            extra={k: v for k, v in data.items() if k not in _OWN_KEYS and k not in _BUILT_KEYS},
        )


_OWN_KEYS = (
    "name",
    "version",
    "title",
    "architecture",
    "tumour_threshold",
    "metrics",
    "training",
    "licence",
    "torch_version",
    "created",
)
_BUILT_KEYS = ("schema", "classes", "input", "files")
