"""GLB files, read with trimesh: closed surfaces of the right size, position and orientation."""

from __future__ import annotations

import io
import json
import struct
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import trimesh
from nibabel.affines import apply_affine

import liverseg
from liverseg.core.geometry import upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.glb import glb_bytes
from liverseg.rendering.colours import LIVER_RGB, TUMOUR_RGB


def volume(labels: np.ndarray, spacing_mm=(2.5, 0.7, 0.8)) -> tuple[CTImage, Segmentation]:
    hu = np.broadcast_to(np.float32(0), labels.shape)
    kind = "volume" if len(labels) > 1 else "slice"
    return CTImage(hu, spacing_mm, "header", "array", upright_grid(labels.shape), kind), segmentation(labels)


def segmentation(labels: np.ndarray) -> Segmentation:
    empty = np.zeros(labels.shape, np.float32)
    return Segmentation(labels, empty, empty, 0.5, CheckpointIdentity("a@1", "0" * 64, "x"), "none")


def ellipsoid(shape, centre, radii_mm, spacing_mm) -> np.ndarray:
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    terms = [((g - c) * s / r) ** 2 for g, c, s, r in zip(grid, centre, spacing_mm, radii_mm, strict=True)]
    return sum(terms) <= 1


def load(glb: bytes) -> dict[str, trimesh.Trimesh]:
    scene = trimesh.load(io.BytesIO(glb), file_type="glb")
    return {name: scene.geometry[name] for name in scene.geometry}


def document_of(glb: bytes) -> dict:
    """The JSON document of a GLB file."""
    length, kind = struct.unpack("<I4s", glb[12:20])
    assert kind == b"JSON"
    return json.loads(glb[20 : 20 + length])


def to_gltf(ras_mm: np.ndarray) -> np.ndarray:
    """RAS millimetres to glTF metres: -x is the patient's right, y superior, z anterior."""
    r, a, s = np.asarray(ras_mm).T / 1000
    return np.stack([-r, s, a], axis=-1)


@pytest.mark.parametrize("spacing_mm", [(5.0, 0.7, 0.8), (1.0, 1.0, 1.0), (2.5, 1.5, 0.6)])
@pytest.mark.parametrize("radii_mm", [(70.0, 45.0, 85.0), (20.0, 12.0, 16.0), (9.0, 7.0, 6.0)])
def test_an_ellipsoid_keeps_its_volume_position_and_extents(spacing_mm, radii_mm):
    shape = tuple(int(2 * r / s) + 7 for r, s in zip(radii_mm, spacing_mm, strict=True))
    centre = [(n - 1) / 2 + off for n, off in zip(shape, (0.2, -0.3, 0.1), strict=True)]
    mask = ellipsoid(shape, centre, radii_mm, spacing_mm)
    glb = glb_bytes(*volume(mask.astype(np.uint8) * 2, spacing_mm))
    assert document_of(glb)["asset"]["version"] == "2.0"
    ras_mm = np.argwhere(mask)[:, ::-1] * (-spacing_mm[2], -spacing_mm[1], spacing_mm[0])
    meshes = load(glb)
    assert set(meshes) == {"Tumour", "Liver"}
    for mesh in meshes.values():
        assert mesh.is_watertight and mesh.is_winding_consistent
        assert mesh.volume == pytest.approx(mask.sum() * np.prod(spacing_mm) * 1e-9, rel=0.03)
        half_voxel = 0.0005 * np.array([spacing_mm[2], spacing_mm[0], spacing_mm[1]])
        assert (np.abs(mesh.center_mass - to_gltf(ras_mm.mean(axis=0))) < half_voxel).all()
        low, high = np.sort([to_gltf(ras_mm).min(axis=0), to_gltf(ras_mm).max(axis=0)], axis=0)
        size = high - low + 2 * half_voxel
        assert np.abs(mesh.extents - size).max() < max(0.05 * size.max(), 2 * half_voxel.max())
        outward = mesh.vertices - mesh.center_mass
        assert ((mesh.vertex_normals * outward).sum(axis=1) > 0).all()
        corner = mesh.faces[:, 0]
        assert ((mesh.face_normals * outward[corner]).sum(axis=1) > 0).all()


def orders():
    """Sixteen of the 48 axis orders, with all permutations of the axes and all combinations of directions."""
    all_orders = [(axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)]
    return all_orders[::3]


def test_the_axis_order_of_the_file_does_not_change_the_mesh(tmp_path):
    rng = np.random.default_rng(0)
    ras = np.zeros((70, 66, 65), np.int16)  # axes to right, anterior, superior; asymmetric
    ras[20:60, 10:50, 8:40] = 1
    spots = {(50, 40, 32): 4, (30, 20, 14): 3, (46, 20, 20): 2}
    for (x, y, z), r in spots.items():
        ras[x - r : x + r + 1, y - r : y + r + 1, z - r : z + r + 1] = 2
    hu = np.where(ras > 0, 100, rng.integers(-900, 60, ras.shape)).astype(np.int16)
    steps, origin = np.array([0.8, 0.9, 1.1]), np.array([-30.0, 12.0, -400.0])
    expected = to_gltf(origin + steps * np.array(list(spots)))
    for axes, signs in orders():
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        stored, labels = hu.transpose(axes), ras.transpose(axes)
        for k, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
            affine[axis, k] = sign * steps[axis]
            affine[axis, 3] = origin[axis] + (0 if sign > 0 else steps[axis] * (ras.shape[axis] - 1))
            if sign < 0:
                stored, labels = np.flip(stored, k), np.flip(labels, k)
        assert apply_affine(affine, np.argwhere(labels == 2)).mean() == pytest.approx(
            (origin + steps * np.argwhere(ras == 2)).mean()
        )
        image = nibabel.Nifti1Image(np.ascontiguousarray(stored), affine)
        image.set_sform(affine, 1)
        image.set_qform(affine, 1)
        nibabel.save(image, tmp_path / "ct.nii")
        ct = liverseg.read(tmp_path / "ct.nii")
        on_grid = np.ascontiguousarray(ct.native.to_radiological(labels)).astype(np.uint8)
        meshes = load(glb_bytes(ct, segmentation(on_grid)))
        bodies = sorted(meshes["Tumour"].split(), key=lambda body: -body.volume)
        centres = np.array([body.center_mass for body in bodies])
        np.testing.assert_allclose(centres, expected, atol=4e-4)
        assert meshes["Liver"].volume == pytest.approx((ras > 0).sum() * steps.prod() * 1e-9, rel=0.03)
    offset = expected[0] - meshes["Liver"].center_mass  # this lesion is to the right, anterior and superior
    assert offset[0] < 0 and offset[1] > 0 and offset[2] > 0


def test_materials_have_the_colours_of_the_pictures_and_the_liver_is_translucent():
    labels = np.zeros((10, 64, 64), np.uint8)
    labels[2:8, 10:50, 10:50] = 1
    labels[4:6, 20:26, 20:26] = 2
    document = document_of(glb_bytes(*volume(labels)))
    by_name = {material["name"]: material for material in document["materials"]}
    assert by_name["Liver"]["alphaMode"] == "BLEND" and "alphaMode" not in by_name["Tumour"]
    for name, rgb, opaque in (("Liver", LIVER_RGB, False), ("Tumour", TUMOUR_RGB, True)):
        *colour, alpha = by_name[name]["pbrMetallicRoughness"]["baseColorFactor"]
        srgb = [12.92 * v if v < 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in colour]
        assert np.round(np.array(srgb) * 255) == pytest.approx(rgb) and (alpha == 1) == opaque
    assert [document["nodes"][k]["name"] for k in document["scenes"][0]["nodes"]] == ["Tumour", "Liver"]
    normals = load(glb_bytes(*volume(labels)))["Liver"].vertex_normals
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)


def test_the_container_follows_the_glb_format():
    labels = np.zeros((9, 64, 64), np.uint8)
    labels[2:8, 10:50, 10:50] = 1
    glb = glb_bytes(*volume(labels))
    magic, version, total = struct.unpack("<4sII", glb[:12])
    assert (magic, version, total) == (b"glTF", 2, len(glb)) and glb == glb_bytes(*volume(labels))
    document, offset = document_of(glb), 12
    chunks = []
    while offset < len(glb):
        length, kind = struct.unpack("<I4s", glb[offset : offset + 8])
        assert length % 4 == 0
        chunks.append((kind, length))
        offset += 8 + length
    assert [kind for kind, _ in chunks] == [b"JSON", b"BIN\0"] and offset == len(glb)
    assert 0 <= chunks[1][1] - document["buffers"][0]["byteLength"] < 4
    sizes = {5126: 4, 5123: 2, 5125: 4}
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        items = accessor["count"] * {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        assert view["byteLength"] == items * sizes[accessor["componentType"]]


def test_empty_labels_give_an_empty_scene():
    glb = glb_bytes(*volume(np.zeros((4, 64, 64), np.uint8)))
    document = document_of(glb)
    assert "meshes" not in document and "nodes" not in document["scenes"][0]
    assert struct.unpack("<I", glb[8:12]) == (len(glb),)
