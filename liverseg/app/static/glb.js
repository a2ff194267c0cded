// Reads a binary glTF 2.0 file of triangles as liverseg/io/glb.py writes it.
// Returns [{ name, colour, points, normals, faces }].
function readGlb(buffer) {
  const view = new DataView(buffer), jsonLength = view.getUint32(12, true);
  const gltf = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, jsonLength)));
  const start = 28 + jsonLength;
  const KINDS = { 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array }, SIZES = { SCALAR: 1, VEC3: 3 };
  const array = index => {
    const accessor = gltf.accessors[index], part = gltf.bufferViews[accessor.bufferView];
    return new KINDS[accessor.componentType](buffer, start + (part.byteOffset || 0), accessor.count * SIZES[accessor.type]);
  };
  return (gltf.nodes || []).map(node => {
    const [primitive] = gltf.meshes[node.mesh].primitives, { POSITION, NORMAL } = primitive.attributes;
    const colour = gltf.materials[primitive.material].pbrMetallicRoughness.baseColorFactor;
    return { name: node.name, colour, points: array(POSITION), normals: array(NORMAL), faces: array(primitive.indices) };
  });
}
