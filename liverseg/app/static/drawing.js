// Draws the three pictures of a slice on canvases from the voxels of `slices.js`, as liverseg/rendering/slice_view.py
// does. `STYLE` has the colours. `frame` is the layout of liverseg/rendering/frame.py, in its pixels.
const HEAT = STYLE.heat.match(/../g).map(byte => parseInt(byte, 16));
const css = rgb => `rgb(${rgb.join(' ')})`;
const layers = {};

// A canvas with one pixel per voxel; `paint` writes its RGBA values.
function layer(name, paint) {
  const { rows, columns } = store;
  const one = layers[name] || (layers[name] = document.createElement('canvas'));
  if (one.width !== columns || one.height !== rows) {
    one.width = columns;
    one.height = rows;
    one.image = new ImageData(columns, rows);
    one.words = new Uint32Array(one.image.data.buffer);
  }
  paint(one.words);
  one.getContext('2d').putImageData(one.image, 0, 0);
  return one;
}

const word = (r, g, b, a) => (a << 24 | b << 16 | g << 8 | r) >>> 0;  // RGBA in little-endian order, which all browsers use

const greyLayer = (hu, view) => layer('grey', words => {
  const low = view.center - view.width / 2, scale = 255 / view.width;
  for (let k = 0; k < words.length; k++) {
    const level = (hu[k] - low) * scale, grey = level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0;
    words[k] = 0xff000000 | grey << 16 | grey << 8 | grey;
  }
});

const fillLayer = (labels, view) => layer('fill', words => {
  const alpha = Math.round(255 * view.opacity);
  const liver = word(...STYLE.liver, alpha), colours = [0, liver, word(...STYLE.tumour, alpha), liver];  // 3: unsure lesion
  for (let k = 0; k < words.length; k++) words[k] = colours[labels[k]];
});

const heatLayer = (probability, view) => layer('heat', words => {
  const most = 255 * view.opacity ** 0.4, colours = new Uint32Array(256);
  for (let p = 0; p < 256; p++)
    colours[p] = word(...HEAT.slice(3 * p, 3 * p + 3), Math.round(most * Math.min(p / 255 / 0.3, 1)));
  for (let k = 0; k < words.length; k++) words[k] = colours[probability[k]];
});

// The contours of a field at `level` by marching squares, in pixels of the slice. In ambiguous cells, diagonal pixels
// are separate. Each point is averaged with `reach` points on either side, which smooths the steps of labels.
function outline(field, level, reach) {
  const { rows: h, columns: w } = store, path = new Path2D(), next = new Map();
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

function outlineOf(over, kind, threshold) {
  const key = kind === 'heat' ? `heat ${threshold}` : kind;
  if (!over.paths[key]) {
    const { labels, probability } = over;
    over.paths[key] = kind === 'heat' ? outline(probability, Math.max(threshold * 255, 0.5), 0)
      : outline(labels.map(label => kind === 'organ' ? label > 0 : label === (kind === 'unsure' ? 3 : 2)), 0.5, 2);
  }
  return over.paths[key];
}

const hasUnsure = over => over.unsure ??= over.labels.includes(3);

function write(pen, text, x, y, px, colour, align, halo) {
  pen.font = `${px}px system-ui, sans-serif`;
  pen.textAlign = align;
  pen.textBaseline = 'middle';
  if (halo) {
    pen.strokeStyle = '#000';
    pen.lineWidth = Math.max(4, px / 4);  // half of it lies outside the letters
    pen.lineJoin = 'round';
    pen.strokeText(text, x, y);
  }
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

function marks(pen, frame, s, text) {
  const margin = 0.9 * text, bottom = (frame.height - frame.strip) * s, width = frame.width * s;
  const places = [[margin, bottom / 2], [width - margin, bottom / 2], [width / 2, margin], [width / 2, bottom - margin]];
  frame.letters.forEach((letter, k) => write(pen, letter, ...places[k], text, css(STYLE.text), 'center', true));
  if (!frame.bar_mm) return;
  const length = frame.bar_mm * frame.px_per_mm * s, x = 0.6 * text, y = bottom - 0.7 * text, tick = Math.max(3, text / 4);
  const thin = Math.max(1, text / 14);
  for (const [colour, thick] of [['#000', thin + Math.max(4, text / 4)], [css(STYLE.text), thin]]) {
    pen.lineCap = 'square';
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(x, y - tick);
    pen.lineTo(x, y);
    pen.lineTo(x + length, y);
    pen.lineTo(x + length, y - tick);
    pen.stroke();
  }
  write(pen, `${frame.bar_mm} mm`, x + length / 2, y - tick - 0.4 * text, 0.8 * text, css(STYLE.text), 'center', true);
}

function strip(pen, kind, frame, view, slice, s, text) {
  const y = (frame.height - frame.strip / 2) * s, margin = 0.6 * text, width = frame.width * s, quiet = css(STYLE.quiet);
  if (kind === 0) {
    write(pen, `W ${view.width}  C ${view.center} HU`, margin, y, text, css(STYLE.text), 'left');
    return write(pen, `Slice ${slice + 1} / ${store.count}`, width - margin, y, text, quiet, 'right');
  }
  if (kind === 1) {
    let x = margin;
    const unsure = hasUnsure(store.over.get(slice)) ? [['Unsure', STYLE.unsure, 1, 0]] : [];
    for (const [name, rgb, heavier, fill = view.opacity] of [['Liver', STYLE.liver, 1], ['Tumour', STYLE.tumour, 1.5], ...unsure]) {
      const side = 0.9 * text;
      pen.fillStyle = 'rgb(90 90 90)';
      pen.fillRect(x, y - side / 2, side, side);
      pen.fillStyle = `rgb(${rgb.join(' ')} / ${fill})`;
      pen.fillRect(x, y - side / 2, side, side);
      pen.strokeStyle = css(rgb);
      pen.lineWidth = Math.max(1, text / 12) * heavier;
      pen.setLineDash(name === 'Unsure' ? [side / 3, side / 3] : []);
      pen.strokeRect(x, y - side / 2, side, side);
      pen.setLineDash([]);
      x += side + 0.45 * text;
      write(pen, name, x, y, text, css(STYLE.text), 'left');
      x += pen.measureText(name).width + 1.2 * text;
    }
    return undefined;
  }
  write(pen, 'Tumour probability', margin, y, text, css(STYLE.text), 'left');
  const from = margin + pen.measureText('Tumour probability').width + 1.1 * text, to = width - margin - 0.3 * text;
  const top = y - 0.85 * text, high = 0.7 * text, fade = pen.createLinearGradient(from, 0, to, 0);
  for (let k = 0; k <= 16; k++) fade.addColorStop(k / 16, css(HEAT.slice(3 * Math.round(k * 255 / 16), 3 * Math.round(k * 255 / 16) + 3)));
  pen.fillStyle = fade;
  pen.fillRect(from, top, to - from, high);
  pen.strokeStyle = quiet;
  pen.lineWidth = 1;
  pen.strokeRect(from, top, to - from, high);
  pen.fillStyle = '#fff';
  pen.fillRect(from + view.threshold * (to - from) - 1, top - 2, 2, high + 4);
  [0, 0.5, 1].forEach(p => write(pen, String(p), from + p * (to - from), top + high + 0.5 * text, 0.72 * text, css(STYLE.text), 'center'));
  return undefined;
}

// Draws a picture on a canvas of any size; `kind` is 0 (CT), 1 (segmentation) or 2 (probability).
// The grey layer must already be that of the slice.
function drawPicture(canvas, kind, slice, frame, view) {
  const pen = canvas.getContext('2d', { alpha: false }), over = store.over.get(slice), s = canvas.width / frame.width;
  const [x, y, w, h] = [frame.left, frame.top, frame.columns, frame.rows].map(px => px * s);
  const text = Math.max(frame.text * s, 10), fine = Math.max(frame.line * s, 1.1);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = '#000';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  const put = one => pen.drawImage(one, x, y, w, h);
  const line = (path, colour, dash = [], heavier = 1) => {
    const placed = new Path2D();
    placed.addPath(path, new DOMMatrix([w / store.columns, 0, 0, h / store.rows, x, y]));
    pen.strokeStyle = css(colour);
    pen.lineWidth = fine * heavier;
    pen.lineCap = 'butt';
    pen.lineJoin = 'round';
    pen.setLineDash(dash);
    pen.stroke(placed);
    pen.setLineDash([]);
  };
  put(layers.grey);
  if (kind === 1) {
    put(fillLayer(over.labels, view));
    line(outlineOf(over, 'organ'), STYLE.liver);
    line(outlineOf(over, 'tumour'), STYLE.tumour, [], 1.5);
    if (hasUnsure(over)) line(outlineOf(over, 'unsure'), STYLE.unsure, [5 * fine, 5 * fine]);
  } else if (kind === 2) {
    pen.fillStyle = `rgb(0 0 0 / ${1 - STYLE.darkened})`;
    pen.fillRect(x, y, w, h);
    put(heatLayer(over.probability, view));
    line(outlineOf(over, 'heat', view.threshold), STYLE.threshold);
  }
  marks(pen, frame, s, text);
  strip(pen, kind, frame, view, slice, s, text);
}
