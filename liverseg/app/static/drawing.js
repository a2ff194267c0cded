// Draws the pictures of a section on canvases, as liverseg/rendering/slice_view.py does. A section has `rows`, `columns`,
// and their voxels in `hu`, `labels`, `truth` and `probability`. `STYLE` has the colours. `frame` is the layout of
// liverseg/rendering/frame.py, in its pixels.
const HEAT = STYLE.heat.match(/../g).map(byte => parseInt(byte, 16));
const css = rgb => `rgb(${rgb.join(' ')})`;
const layers = {};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// A canvas with one pixel per voxel; `paint` writes its RGBA values.
function layer(kind, { plane, rows, columns }, paint) {
  const one = layers[`${kind} ${plane}`] ??= document.createElement('canvas');
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

const greyLayer = (section, view) => layer('grey', section, words => {
  const { hu } = section;
  const low = view.center - view.width / 2, scale = 255 / view.width;
  for (let k = 0; k < words.length; k++) {
    const level = (hu[k] - low) * scale, grey = level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0;
    words[k] = 0xff000000 | grey << 16 | grey << 8 | grey;
  }
});

const fillLayer = (section, view) => layer('fill', section, words => {
  const { labels } = section;
  const alpha = Math.round(255 * view.opacity);
  const liver = word(...STYLE.liver, alpha), colours = [0, liver, word(...STYLE.tumour, alpha), liver];  // 3: unsure lesion
  for (let k = 0; k < words.length; k++) words[k] = colours[labels[k]];
});

const heatLayer = (section, view) => layer('heat', section, words => {
  const { probability } = section;
  const most = 255 * view.opacity ** 0.4, colours = new Uint32Array(256);
  for (let p = 0; p < 256; p++)
    colours[p] = word(...HEAT.slice(3 * p, 3 * p + 3), Math.round(most * Math.min(p / 255 / 0.3, 1)));
  for (let k = 0; k < words.length; k++) words[k] = colours[probability[k]];
});

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

const BARS_MM = [1, 2, 5, 10, 20, 50, 100, 200];

// Orientation letters, and a scale bar that fits the zoom.
function marks(pen, frame, view, s, text, zoom) {
  const margin = 0.9 * text, bottom = (frame.height - frame.strip) * s, width = frame.width * s;
  const places = [[margin, bottom / 2], [width - margin, bottom / 2], [width / 2, margin], [width / 2, bottom - margin]];
  if (view.orientation !== false && frame.letters)
    frame.letters.forEach((letter, k) => letter && write(pen, letter, ...places[k], text, css(STYLE.text), 'center', true));
  if (!frame.bar_mm) return;
  const scale = frame.px_per_mm * zoom.k, mm = BARS_MM.findLast(one => one * scale <= frame.width / 4) || BARS_MM[0];
  const length = mm * scale * s, x = 0.6 * text, y = bottom - 0.7 * text, tick = Math.max(3, text / 4);
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
  write(pen, fill(TEXT.bar, { mm }), x + length / 2, y - tick - 0.4 * text, 0.8 * text, css(STYLE.text), 'center', true);
}

function strip(pen, kind, section, frame, view, s, text) {
  const y = (frame.height - frame.strip / 2) * s, margin = 0.6 * text, width = frame.width * s, quiet = css(STYLE.quiet);
  pen.fillStyle = '#000';
  pen.fillRect(0, (frame.height - frame.strip) * s, width, frame.strip * s);
  if (kind === 0) {
    write(pen, fill(TEXT.window, view), margin, y, text, css(STYLE.text), 'left');
    const at = { slice: section.index + 1, count: view.count };
    return write(pen, fill(TEXT.slice, at), width - margin, y, text, quiet, 'right');
  }
  if (kind === 1) {
    let x = margin;
    const entries = [[TEXT.liver, STYLE.liver, 1, view.opacity], [TEXT.tumour, STYLE.tumour, 1.5, view.opacity]];
    if (hasUnsure(section)) entries.push([TEXT.unsure, STYLE.unsure, 1, 0]);
    if (view.showsTruth) entries.push([TEXT.truth, TRUTH, 1, 0]);
    for (const [name, rgb, heavier, opacity] of entries) {
      const side = 0.9 * text;
      pen.fillStyle = 'rgb(90 90 90)';
      pen.fillRect(x, y - side / 2, side, side);
      pen.fillStyle = `rgb(${rgb.join(' ')} / ${opacity})`;
      pen.fillRect(x, y - side / 2, side, side);
      pen.strokeStyle = css(rgb);
      pen.lineWidth = Math.max(1, text / 12) * heavier;
      pen.setLineDash([TEXT.unsure, TEXT.truth].includes(name) ? [side / 3, side / 3] : []);
      pen.strokeRect(x, y - side / 2, side, side);
      pen.setLineDash([]);
      x += side + 0.45 * text;
      write(pen, name, x, y, text, css(STYLE.text), 'left');
      x += pen.measureText(name).width + 1.2 * text;
    }
    return undefined;
  }
  write(pen, TEXT.probability, margin, y, text, css(STYLE.text), 'left');
  const from = margin + pen.measureText(TEXT.probability).width + 1.1 * text, to = width - margin - 0.3 * text;
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

const TRUTH = STYLE.truth;

// Draws a picture on a canvas of any size; `kind` is 0 (CT), 1 (segmentation) or 2 (probability). `zoom` is that of
// zoom.js. The grey layer must already be that of the section.
function drawPicture(canvas, kind, section, frame, view, zoom) {
  const pen = canvas.getContext('2d', { alpha: false }), s = canvas.width / frame.width, deep = s * zoom.k;
  const [x, y] = [(frame.left - zoom.x) * deep, (frame.top - zoom.y) * deep], [w, h] = [frame.columns * deep, frame.rows * deep];
  const text = Math.max(frame.text * s, 10), fine = Math.max(frame.line * s, 1.1);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = '#000';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  const put = one => pen.drawImage(one, x, y, w, h);
  const line = (path, colour, dash = [], heavier = 1) => {
    const placed = new Path2D();
    placed.addPath(path, new DOMMatrix([w / section.columns, 0, 0, h / section.rows, x, y]));
    pen.strokeStyle = css(colour);
    pen.lineWidth = fine * heavier;
    pen.lineCap = 'butt';
    pen.lineJoin = 'round';
    pen.setLineDash(dash.map(length => length * fine));
    pen.stroke(placed);
    pen.setLineDash([]);
  };
  put(layers[`grey ${section.plane}`]);
  if (kind === 1 && view.overlay) {
    put(fillLayer(section, view));
    line(outlineOf(section, 'organ'), STYLE.liver);
    line(outlineOf(section, 'tumour'), STYLE.tumour, [], 1.5);
    if (hasUnsure(section)) line(outlineOf(section, 'unsure'), STYLE.unsure, [5, 5]);
  } else if (kind === 2 && view.overlay) {
    pen.fillStyle = `rgb(0 0 0 / ${1 - STYLE.darkened})`;
    pen.fillRect(x, y, w, h);
    put(heatLayer(section, view));
    line(outlineOf(section, 'heat', view.threshold), STYLE.threshold);
  }
  if (kind === 1 && view.showsTruth) {
    line(outlineOf(section, 'trueOrgan'), TRUTH, [3, 3]);
    line(outlineOf(section, 'trueTumour'), TRUTH, [3, 3]);
  }
  marks(pen, frame, view, s, text, zoom);
  strip(pen, kind, section, frame, view, s, text);
}
