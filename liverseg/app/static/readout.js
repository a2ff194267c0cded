// The HU, the tumour probability and the position under the pointer, in a corner of its picture.
const AXIS_LETTERS = [['R', 'L'], ['A', 'P'], ['H', 'F']];
let reading = null;

function placeText([slice, row, column]) {
  if (drawing.position && drawing.orientation !== false) {
    const index = [slice - 0.5, row - 0.5, column - 0.5, 1];
    const mm = drawing.position.map(line => line.reduce((sum, value, k) => sum + value * index[k], 0));
    const [x, y, z] = mm.map((value, k) => `${AXIS_LETTERS[k][value < 0 ? 1 : 0]} ${Math.abs(value).toFixed(0)}`);
    return fill(TEXT.place_mm, { x, y, z });
  }
  const [at, r, c] = [slice, row, column].map(value => Math.floor(value) + 1);
  return fill(count() > 1 ? TEXT.place_voxel : TEXT.place_pixel, { slice: at, row: r, column: c });
}

// The text for a position in a picture; "" outside the section and while its voxels are missing.
function readoutText(plane, place) {
  const index = shownIndex(plane), section = index === null ? null : sectionAt(plane, index), [x, y] = toSection(plane, place);
  const frame = frameOf(plane);
  if (!section || x < 0 || y < 0 || x >= section.columns || y >= section.rows || place[1] > frame.height - frame.strip) return '';
  const k = Math.floor(y) * section.columns + Math.floor(x);
  const values = { hu: section.hu[k], p: (section.probability[k] / 255).toFixed(2), place: placeText(voxelOf(plane, index, x, y)) };
  return fill(drawing.assumed ? TEXT.readout_assumed : TEXT.readout, values).replace(/(^|\s)-(\d)/g, '$1−$2');
}

// Shows the readout of a position in one picture and clears the others; null clears all.
function readAt(cut, event) {
  reading = cut && { cut, event: { clientX: event.clientX, clientY: event.clientY } };
  readAgain();
}

function readAgain() {
  if (!shown()) return;
  if (reading && !reading.cut.isConnected) {  // its picture was replaced
    const { clientX, clientY } = reading.event, under = document.elementFromPoint(clientX, clientY);
    const cut = under && under.closest('figure[data-plane] .ls-cut');
    reading = cut && { ...reading, cut };
  }
  document.querySelectorAll('.ls-readout').forEach(one => {
    const now = reading && one.parentElement === reading.cut ? readoutText(planeOf(reading.cut), framePlace(reading.cut, reading.event)) : '';
    if (one.textContent !== now) one.textContent = now;
  });
}
