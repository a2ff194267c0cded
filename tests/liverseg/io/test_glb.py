"""The structure of GLB files: chunks, accessors and materials."""

from __future__ import annotations

import json
import struct

import numpy as np

from liverseg.io.glb import PATIENT_TO_GLTF, GltfSurface, encode_glb
from liverseg.rendering.surface_nets import Surface

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], float)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def chunks_of(glb: bytes) -> tuple[dict, bytes]:
    """The JSON document and the binary chunk."""
    magic, version, length = struct.unpack_from("<4sII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    size, kind = struct.unpack_from("<I4s", glb, 12)
    assert kind == b"JSON" and size % 4 == 0
    binary_size, binary_kind = struct.unpack_from("<I4s", glb, 20 + size)
    assert binary_kind == b"BIN\0" and 28 + size + binary_size == len(glb)
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def test_vertices_faces_and_materials_are_encoded():
    tetrahedron = Surface(VERTICES, FACES)
    surfaces = [
        GltfSurface("Tumour", tetrahedron, (255, 0, 0), 1.0),
        GltfSurface("Liver", tetrahedron, (0, 255, 0), 0.35),
    ]
    document, binary = chunks_of(encode_glb(surfaces))
    assert [node["name"] for node in document["nodes"]] == ["Tumour", "Liver"]
    assert ["alphaMode" in material for material in document["materials"]] == [False, True]
    assert document["materials"][1]["pbrMetallicRoughness"]["baseColorFactor"] == [0, 1, 0, 0.35]
    primitive = document["meshes"][0]["primitives"][0]
    positions = document["accessors"][primitive["attributes"]["POSITION"]]
    assert positions["min"] == [0, 0, 0] and positions["max"] == [1, 2, 3]
    view = document["bufferViews"][positions["bufferView"]]
    stored = np.frombuffer(binary, "<f4", 12, view["byteOffset"]).reshape(4, 3)
    np.testing.assert_array_equal(stored, VERTICES)
    indices = document["accessors"][primitive["indices"]]
    view = document["bufferViews"][indices["bufferView"]]
    stored = np.frombuffer(binary, "<u2", indices["count"], view["byteOffset"])
    np.testing.assert_array_equal(stored.reshape(-1, 3), FACES)


def test_no_surfaces_give_an_empty_scene():
    glb = encode_glb([])
    size = struct.unpack_from("<I", glb, 12)[0]
    document = json.loads(glb[20:])
    assert len(glb) == 20 + size and "nodes" not in document and "buffers" not in document


def test_patient_axes_become_gltf_axes_in_metres():
    left_anterior_superior = PATIENT_TO_GLTF @ [-1000, 2000, 3000, 1]
    np.testing.assert_allclose(left_anterior_superior, [1, 3, 2, 1])
    assert np.linalg.det(PATIENT_TO_GLTF[:3, :3]) > 0, "no reflection"
