// Rulers and ellipses. Each belongs to a section of an image; `a` and `b` are opposite ends in pixels of the section.
const SMALLEST_PX = 4;  // of the screen; a shorter drag is a slip
let measures = [], measuring = null, tool = null, lastMeasure = 0;

const measuresOf = section => measures.filter(one => one.plane === section.plane && one.index === section.index);
const shortNumber = value => value.toFixed(value < 100 ? 1 : 0);

function spanText({ plane, a, b }, whole, known, unknown) {
  const steps = stepsOf(plane), [dx, dy] = [0, 1].map(k => Math.abs(b[k] - a[k]) * (steps ? steps[k] : 1));
  const values = { length: shortNumber(Math.hypot(dx, dy)), width: shortNumber(dx), height: shortNumber(dy), ...whole };
  return fill(steps ? known : unknown, values);
}

// Mean and standard deviation of the pixels whose centres are inside an ellipse; null where there are none.
function statistics(section, { a, b }) {
  const [cx, cy] = [0, 1].map(k => (a[k] + b[k]) / 2), [rx, ry] = [0, 1].map(k => Math.abs(b[k] - a[k]) / 2);
  let n = 0, sum = 0, squares = 0;
  for (let row = Math.max(Math.floor(cy - ry), 0); row <= Math.min(cy + ry, section.rows - 1); row++)
    for (let column = Math.max(Math.floor(cx - rx), 0); column <= Math.min(cx + rx, section.columns - 1); column++) {
      if (((column + 0.5 - cx) / rx) ** 2 + ((row + 0.5 - cy) / ry) ** 2 > 1) continue;
      const hu = section.hu[row * section.columns + column];
      n++;
      sum += hu;
      squares += hu * hu;
    }
  const mean = sum / n;
  return n ? { n, mean, sd: Math.sqrt(Math.max(squares / n - mean * mean, 0)) } : null;
}

function measureText(one) {
  if (one.kind === 'ruler') return spanText(one, {}, TEXT.length_mm, TEXT.length_pixels);
  const section = sectionAt(one.plane, one.index), found = section && statistics(section, one);
  one.found = found || one.found;
  if (!one.found) return '';
  const rounded = { mean: one.found.mean.toFixed(1), sd: one.found.sd.toFixed(1) };
  const hu = fill(drawing.assumed ? TEXT.mean_assumed : TEXT.mean, rounded);
  return spanText(one, { hu }, TEXT.region_mm, TEXT.region_pixels);
}

function startMeasure(section, at) {
  measuring = { id: ++lastMeasure, plane: section.plane, index: section.index, kind: tool, a: at, b: at, text: '' };
  measures.push(measuring);
}

function stretchMeasure(at) {
  measuring.b = sizeOf(measuring.plane).map((size, k) => Math.min(Math.max(at[k], 0), size));
  measuring.text = measureText(measuring);
  relabel();
}

function endMeasure(pixels) {
  if (pixels < SMALLEST_PX) measures = measures.filter(one => one !== measuring);
  measuring = null;
  relabel();
}

function removeMeasures(leave) {
  measures = measures.filter(leave);
  measuring = null;
  relabel();
}

const isShown = one => one.index === shownIndex(one.plane);
const removeLastMeasure = () => {
  const last = measures.findLast(isShown);
  if (last) removeMeasures(one => one !== last);
};
