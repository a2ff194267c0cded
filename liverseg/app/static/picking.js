// The point of a surface that a ray hits first (Möller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997).
// `from` and `along` are in the coordinates of the surface. Returns the distance in lengths of `along`, Infinity without a hit.
function hitDistance({ points, faces }, from, along) {
  let nearest = Infinity;
  const [dx, dy, dz] = along, [ox, oy, oz] = from;
  for (let k = 0; k < faces.length; k += 3) {
    const a = 3 * faces[k], b = 3 * faces[k + 1], c = 3 * faces[k + 2];
    const ax = points[a], ay = points[a + 1], az = points[a + 2];
    const ux = points[b] - ax, uy = points[b + 1] - ay, uz = points[b + 2] - az;
    const vx = points[c] - ax, vy = points[c + 1] - ay, vz = points[c + 2] - az;
    const px = dy * vz - dz * vy, py = dz * vx - dx * vz, pz = dx * vy - dy * vx, size = ux * px + uy * py + uz * pz;
    if (!size) continue;
    const sx = ox - ax, sy = oy - ay, sz = oz - az, u = (sx * px + sy * py + sz * pz) / size;
    if (u < 0 || u > 1) continue;
    const qx = sy * uz - sz * uy, qy = sz * ux - sx * uz, qz = sx * uy - sy * ux, v = (dx * qx + dy * qy + dz * qz) / size;
    if (v < 0 || u + v > 1) continue;
    const distance = (vx * qx + vy * qy + vz * qz) / size;
    if (distance > 0 && distance < nearest) nearest = distance;
  }
  return nearest;
}
