// Numbers of lesions and measurements over the pictures, as SVG in pixels of the frame.
const NUMBER_PX = 13, LETTER_PX = 8;
const KIND_COLOURS = { likely: STYLE.tumour, unsure: STYLE.unsure, rejected: STYLE.quiet };

// Where the numbers stand: next to the box around a lesion, at its upper right corner.
function numberPlaces(plane, index) {
  if (plane === 'axial') return drawing.lesions.filter(one => one[2] === index).map(([id, kind, , row, column]) => [id, kind, column, row]);
  const axis = plane === 'coronal' ? 1 : 2;
  return drawing.places.filter(([, , , box]) => box[2 * axis] <= index && index < box[2 * axis + 1])
    .map(([id, kind, , box]) => [id, kind, plane === 'coronal' ? box[5] : box[3], store.count - box[1]]);
}

function labelFigure(figure) {
  const cut = figure.querySelector('.ls-cut'), { plane, picture } = figure.dataset, index = shownIndex(plane);
  if (!drawing || index === null || !cut.clientWidth) return;
  const frame = frameOf(plane), unit = frame.width / cut.clientWidth, bottom = frame.height - frame.strip;
  const text = (x, y, words, more = '') => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${(NUMBER_PX * unit).toFixed(1)}" ${more}>${words}</text>`;
  let svg = '';
  if (overlayShown() && picture !== '0') for (const [id, kind, x, y] of numberPlaces(plane, index)) {
    const [X, Y] = toFrame(plane, [x, y]);
    if (X < 0 || Y < 0 || X > frame.width || Y > bottom) continue;
    const at = [Math.min(X + 3 * unit, frame.width - 18 * unit), Math.max(Y - 2 * unit, NUMBER_PX * unit)];
    svg += text(...at, id, `data-number="${id}" data-kind="${kind}" fill="${css(KIND_COLOURS[kind] || STYLE.text)}"`);
  }
  for (const one of measures.filter(measure => measure.plane === plane && measure.index === index)) {
    const [[ax, ay], [bx, by]] = [toFrame(plane, one.a), toFrame(plane, one.b)];
    const shape = one.kind === 'ruler' ? `<path d="M${ax} ${ay}L${bx} ${by}"/>`
      : `<ellipse cx="${(ax + bx) / 2}" cy="${(ay + by) / 2}" rx="${Math.abs(bx - ax) / 2}" ry="${Math.abs(by - ay) / 2}"/>`;
    const ends = one.kind === 'ruler' ? [[ax, ay], [bx, by]].map(([x, y]) => `<circle cx="${x}" cy="${y}" r="${2.5 * unit}"/>`).join('') : '';
    const lines = one.text.split('\n'), line = 1.25 * NUMBER_PX * unit, wide = (Math.max(...lines.map(words => words.length)) * LETTER_PX + 20) * unit;
    const x = Math.max(Math.min(Math.min(ax, bx), frame.width - wide), 4 * unit), y = Math.min(Math.max(ay, by) + line, bottom - lines.length * line);
    svg += `<g data-measurement="${one.id}" data-kind="${one.kind}" stroke-width="${1.5 * unit}">${shape}${ends}`
      + lines.map((words, k) => text(x + 18 * unit, y + k * line, words)).join('') + text(x, y, `<title>${TEXT.remove}</title>✕`, 'class="ls-remove"') + '</g>';
  }
  let over = cut.querySelector('svg.ls-over');
  if (!over) {
    over = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    over.setAttribute('class', 'ls-over');
    over.setAttribute('aria-hidden', 'true');
    cut.querySelector('.ls-readout').before(over);
  }
  over.setAttribute('viewBox', `0 0 ${frame.width} ${frame.height}`);
  if (over.written !== svg) over.innerHTML = over.written = svg;
}

const relabel = () => { if (shown()) figures().forEach(labelFigure); };
