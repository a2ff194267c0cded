// Outlines of labels and probabilities.

// The contours of a field of `rows` × `columns` at `level` by marching squares, in pixels of the field. In ambiguous cells,
// diagonal pixels are separate. Each point is averaged with `reach` points on either side, which smooths the steps of labels.
function outline(field, { rows: h, columns: w }, level, reach) {
  const path = new Path2D(), next = new Map();
  const at = (x, y) => x < 0 || y < 0 || x >= w || y >= h ? 0 : field[y * w + x];
  let top = h, bottom = -1, left = w, right = -1;
  for (let y = 0, k = 0; y < h; y++) for (let x = 0; x < w; x++, k++) if (field[k] >= level) {
    if (y < top) top = y;
    bottom = y;
    if (x < left) left = x;
    if (x > right) right = x;
  }
  const edge = (x, y, down) => 2 * ((y + 1) * (w + 2) + x + 1) + down;
  for (let y = top - 1; y <= bottom; y++) for (let x = left - 1; x <= right; x++) {
    const inside = [at(x, y) >= level, at(x + 1, y) >= level, at(x + 1, y + 1) >= level, at(x, y + 1) >= level];
    if (inside[0] === inside[1] && inside[1] === inside[2] && inside[2] === inside[3]) continue;
    const edges = [edge(x, y, 0), edge(x + 1, y, 1), edge(x, y + 1, 0), edge(x, y, 1)];
    for (let k = 0; k < 4; k++) {
      if (!inside[k] || inside[(k + 1) % 4]) continue;
      let from = k;
      while (inside[(from + 3) % 4]) from = (from + 3) % 4;
      next.set(edges[(from + 3) % 4], edges[k]);
    }
  }
  const place = name => {
    const cell = name >> 1, x = cell % (w + 2) - 1, y = Math.floor(cell / (w + 2)) - 1, down = name & 1;
    const a = at(x, y), b = down ? at(x, y + 1) : at(x + 1, y), share = (level - a) / (b - a);
    return down ? [x + 0.5, y + share + 0.5] : [x + share + 0.5, y + 0.5];
  };
  while (next.size) {
    const loop = [];
    let name = next.keys().next().value;
    for (let to; (to = next.get(name)) !== undefined; name = to) { next.delete(name); loop.push(place(name)); }
    const n = loop.length, around = Math.min(reach, n >> 3);
    loop.forEach((point, k) => {
      let [x, y] = point;
      if (around) {
        x = y = 0;
        for (let j = k - around; j <= k + around; j++) { const [px, py] = loop[(j + n) % n]; x += px; y += py; }
        x /= 2 * around + 1;
        y /= 2 * around + 1;
      }
      if (k) path.lineTo(x, y); else path.moveTo(x, y);
    });
    path.closePath();
  }
  return path;
}

const MASKS = {
  organ: ({ labels }) => labels.map(label => label > 0),
  tumour: ({ labels }) => labels.map(label => label === 2),
  unsure: ({ labels }) => labels.map(label => label === 3),
  trueOrgan: ({ truth }) => truth.map(label => label > 0),
  trueTumour: ({ truth }) => truth.map(label => label === 2),
};

// An outline of a section, computed once: one of `MASKS`, or `heat`, the line at the threshold.
function outlineOf(section, kind, threshold) {
  const key = kind === 'heat' ? `heat ${threshold}` : kind;
  return section.paths[key] ??= kind === 'heat'
    ? outline(section.probability, section, Math.max(threshold * 255, 0.5), 0)
    : outline(MASKS[kind](section), section, 0.5, 2);
}

const hasUnsure = section => section.unsure ??= section.labels.includes(3);
