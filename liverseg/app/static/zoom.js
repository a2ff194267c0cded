// Zoom and pan of each plane, and the way from positions in a picture to positions in its section. All axial pictures have
// the same zoom. `x` and `y` are the upper left corner in pixels of the frame.
const MOST_ZOOM = 16;
const zooms = { axial: { k: 1, x: 0, y: 0 }, coronal: { k: 1, x: 0, y: 0 }, sagittal: { k: 1, x: 0, y: 0 } };

const frameOf = plane => plane === 'axial' ? drawing.frame : drawing.frames[plane];
const planeOf = cut => cut.closest('figure').dataset.plane;

// A position of the pointer in pixels of the frame.
function framePlace(cut, { clientX, clientY }) {
  const box = cut.getBoundingClientRect(), frame = frameOf(planeOf(cut));
  return [(clientX - box.left) / box.width * frame.width, (clientY - box.top) / box.height * frame.height];
}

function toSection(plane, [X, Y]) {
  const frame = frameOf(plane), zoom = zooms[plane], [columns, rows] = sizeOf(plane);
  return [(X / zoom.k + zoom.x - frame.left) / frame.columns * columns, (Y / zoom.k + zoom.y - frame.top) / frame.rows * rows];
}

function toFrame(plane, [x, y]) {
  const frame = frameOf(plane), zoom = zooms[plane], [columns, rows] = sizeOf(plane);
  return [(x / columns * frame.columns + frame.left - zoom.x) * zoom.k, (y / rows * frame.rows + frame.top - zoom.y) * zoom.k];
}

function setZoom(plane, k, x, y) {
  const frame = frameOf(plane), room = 1 - 1 / k;
  const within = (value, size) => Math.min(Math.max(value, 0), size * room);
  Object.assign(zooms[plane], { k, x: within(x, frame.width), y: within(y, frame.height - frame.strip) });
  redraw();
}

// Zooms by a factor so that what is at a position of the frame stays there.
function zoomAt(plane, factor, [X, Y]) {
  const { k, x, y } = zooms[plane], to = Math.min(Math.max(k * factor, 1), MOST_ZOOM);
  setZoom(plane, to, x + X / k - X / to, y + Y / k - Y / to);
}

// Moves the picture by a distance in pixels of the frame.
const panBy = (plane, dX, dY) => {
  const { k, x, y } = zooms[plane];
  setZoom(plane, k, x - dX / k, y - dY / k);
};

const isZoomed = plane => zooms[plane].k > 1;
const showWhole = planes => { for (const plane of planes) if (isZoomed(plane)) setZoom(plane, 1, 0, 0); };
