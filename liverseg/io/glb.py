"""The surfaces of liver and tumours as binary glTF 2.0 (GLB), which 3D viewers and browsers open.

glTF uses metres, with y up and +z towards the viewer. Here x is the patient's left, y superior and z
anterior, so that the patient stands upright and faces the viewer. The origin is that of the patient
coordinates. Format: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from liverseg import __version__
from liverseg.analysis.report_text import origin_text
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.rendering.colours import LIVER_RGB, RGB, TUMOUR_RGB
from liverseg.rendering.mesh import Meshes, make_meshes
from liverseg.rendering.surface_nets import Surface

PATIENT_TO_GLTF = np.array([[-1e-3, 0, 0, 0], [0, 0, 1e-3, 0], [0, 1e-3, 0, 0], [0, 0, 0, 1]])
"""(4, 4) matrix from RAS millimetres to glTF metres; a rotation and a scale, without reflection."""

LIVER_OPACITY = 0.35
"""The liver is translucent, so that the tumours inside it are visible."""

# Constants of the format: component types of accessors, targets of buffer views.
_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_RESTART_INDEX = 65535  # a 16-bit index may not reach it


@dataclass(frozen=True)
class GltfSurface:
    """A surface in glTF coordinates with its material."""

    name: str
    surface: Surface
    rgb: RGB
    opacity: float


def glb_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """A GLB file with the nodes Tumour and Liver; a structure that was not found has no node.

    "Liver" is the whole organ, tumours included. Raises `InvalidSetting` for a single slice and where
    the spacing is unknown. The extras of the asset say whether the labels come from a file and whether a user
    edited them. The same input gives the same bytes.
    """
    return encode_glb(gltf_surfaces(make_meshes(ct, seg)), origin_text(seg))


def gltf_surfaces(meshes: Meshes) -> list[GltfSurface]:
    """The non-empty surfaces among tumours and liver, in glTF coordinates, for `encode_glb`."""
    # Viewers draw in this order; what is seen through the translucent liver must be drawn first.
    candidates = (
        ("Tumour", meshes.tumour, TUMOUR_RGB, 1.0),
        ("Liver", meshes.organ, LIVER_RGB, LIVER_OPACITY),
    )
    return [
        GltfSurface(name, surface.mapped(PATIENT_TO_GLTF), rgb, opacity)
        for name, surface, rgb, opacity in candidates
        if len(surface.faces)
    ]


def encode_glb(surfaces: list[GltfSurface], note: str = "") -> bytes:
    """A GLB file with one node per surface, and a note in the extras of its asset, if there is one."""
    gltf: dict[str, list[Any]] = {
        key: [] for key in ("nodes", "meshes", "materials", "accessors", "bufferViews")
    }
    binary = bytearray()

    def accessor(array: np.ndarray, component: int, target: int, **bounds: list[float]) -> int:
        """Append an array to the binary buffer; returns the index of its accessor."""
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

    for one in surfaces:
        points = one.surface.vertices.astype("<f4")
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        fits_16_bits = len(points) < _RESTART_INDEX
        indices = one.surface.faces.ravel().astype("<u2" if fits_16_bits else "<u4")
        primitive = {
            "attributes": {
                "POSITION": accessor(points, _FLOAT, _ARRAY_BUFFER, **bounds),
                "NORMAL": accessor(one.surface.normals().astype("<f4"), _FLOAT, _ARRAY_BUFFER),
            },
            "indices": accessor(indices, _UINT16 if fits_16_bits else _UINT32, _ELEMENT_ARRAY_BUFFER),
            "material": len(gltf["materials"]),
        }
        gltf["materials"].append(_material(one))
        gltf["meshes"].append({"name": one.name, "primitives": [primitive]})
        gltf["nodes"].append({"name": one.name, "mesh": len(gltf["meshes"]) - 1})

    scene = {"name": "liverseg", **({"nodes": list(range(len(surfaces)))} if surfaces else {})}
    document = {
        "asset": {
            "version": "2.0",
            "generator": f"liverseg {__version__}",
            **({"extras": {"note": note}} if note else {}),
        },
        "scene": 0,
        "scenes": [scene],
        **{key: items for key, items in gltf.items() if items},
        **({"buffers": [{"byteLength": len(binary)}]} if binary else {}),
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(b"JSON", text, b" ") + (_chunk(b"BIN\0", bytes(binary), b"\0") if binary else b"")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    """A GLB chunk, padded to a multiple of four bytes."""
    padded = content + filler * (-len(content) % 4)
    return struct.pack("<I4s", len(padded), kind) + padded


def _material(surface: GltfSurface) -> dict[str, Any]:
    """A matt material. It is single-sided, so that the back of a translucent surface does not show."""
    blended = {"alphaMode": "BLEND"} if surface.opacity < 1 else {}
    return {
        "name": surface.name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*linear(surface.rgb), surface.opacity],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.8,
        },
        **blended,
    }


def linear(rgb: RGB) -> list[float]:
    """An sRGB colour (0-255) as linear RGB in [0, 1], which glTF factors are (IEC 61966-2-1).

    >>> linear((255, 0, 10)), linear((188, 188, 188))[0]
    ([1.0, 0.0, 0.0030353], 0.5028865)
    """
    values = (value / 255 for value in rgb)
    return [round(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4, 7) for v in values]
