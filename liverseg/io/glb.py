"""Liver and tumours as a 3D file: binary glTF 2.0 (Khronos, GLB), which viewers and browsers open.

glTF counts in metres, with y up and the front of things towards +z. So y is superior, z anterior and x
the patient's left: the patient stands upright, facing whoever looks. The origin is that of the
patient's coordinates.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from liverseg import __version__
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.rendering.colours import LIVER_RGB, RGB, TUMOUR_RGB
from liverseg.rendering.mesh import Meshes, make_meshes
from liverseg.rendering.surface_nets import Surface

PATIENT_TO_GLTF = np.array([[-1e-3, 0, 0, 0], [0, 0, 1e-3, 0], [0, 1e-3, 0, 0], [0, 0, 0, 1]])
"""(4, 4) RAS millimetres to glTF's metres: a turn, no mirror."""

LIVER_OPACITY = 0.35
"""The liver lets the tumours in it be seen."""

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963


def glb_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """The surfaces of a volume as GLB, with nodes Tumour and Liver; what was not found has none.

    "Liver" is the whole organ, tumours included. Raises `InvalidSetting` for a slice and where the
    spacing is unknown. The same input gives the same bytes.
    """
    return encode(parts_of(make_meshes(ct, seg)))


def parts_of(meshes: Meshes) -> list[tuple[str, Surface, RGB, float]]:
    """What there is of tumours and liver in glTF's coordinates, for `encode`."""
    # Viewers draw in this order, and what shines through must be there first.
    parts = (("Tumour", meshes.tumour, TUMOUR_RGB, 1.0), ("Liver", meshes.organ, LIVER_RGB, LIVER_OPACITY))
    return [(name, s.mapped(PATIENT_TO_GLTF), rgb, a) for name, s, rgb, a in parts if len(s.faces)]


def encode(parts: list[tuple[str, Surface, RGB, float]]) -> bytes:
    """A GLB of surfaces in glTF's own coordinates, each with its name, colour and opacity."""
    gltf: dict[str, list[Any]] = {
        key: [] for key in ("nodes", "meshes", "materials", "accessors", "bufferViews")
    }
    binary = bytearray()

    def accessor(array: np.ndarray, component: int, target: int, **bounds: list[float]) -> int:
        gltf["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target}
        )
        binary.extend(array.tobytes() + b"\0" * (-array.nbytes % 4))
        kind, count = ("SCALAR", array.size) if array.ndim == 1 else ("VEC3", len(array))
        view = len(gltf["bufferViews"]) - 1
        gltf["accessors"].append(
            {"bufferView": view, "componentType": component, "count": count, "type": kind, **bounds}
        )
        return len(gltf["accessors"]) - 1

    for name, surface, rgb, opacity in parts:
        points = surface.vertices.astype("<f4")
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        small = len(points) < 65535  # the largest index is reserved
        indices = surface.faces.ravel().astype("<u2" if small else "<u4")
        primitive = {
            "attributes": {
                "POSITION": accessor(points, _FLOAT, _VERTICES, **bounds),
                "NORMAL": accessor(surface.normals().astype("<f4"), _FLOAT, _VERTICES),
            },
            "indices": accessor(indices, _UINT16 if small else _UINT32, _INDICES),
            "material": len(gltf["materials"]),
        }
        gltf["materials"].append(_material(name, rgb, opacity))
        gltf["meshes"].append({"name": name, "primitives": [primitive]})
        gltf["nodes"].append({"name": name, "mesh": len(gltf["meshes"]) - 1})

    scene = {"name": "liverseg", **({"nodes": list(range(len(parts)))} if parts else {})}
    document = {
        "asset": {"version": "2.0", "generator": f"liverseg {__version__}"},
        "scene": 0,
        "scenes": [scene],
        **{key: items for key, items in gltf.items() if items},
        **({"buffers": [{"byteLength": len(binary)}]} if binary else {}),
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(b"JSON", text, b" ") + (_chunk(b"BIN\0", bytes(binary), b"\0") if binary else b"")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    padded = content + filler * (-len(content) % 4)
    return struct.pack("<I4s", len(padded), kind) + padded


def linear(rgb: RGB) -> list[float]:
    """An sRGB colour as the linear one that glTF's factors are (IEC 61966-2-1).

    >>> linear((255, 0, 10)), linear((188, 188, 188))[0]
    ([1.0, 0.0, 0.0030353], 0.5028865)
    """
    values = (value / 255 for value in rgb)
    return [round(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4, 7) for v in values]


def _material(name: str, rgb: RGB, opacity: float) -> dict[str, Any]:
    """Matt; of what is translucent only the front is drawn, so that the back does not shine through."""
    blended = {"alphaMode": "BLEND"} if opacity < 1 else {}
    return {
        "name": name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*linear(rgb), opacity],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.8,
        },
        **blended,
    }
