// The pictures that the browser draws. Once the voxels are loaded, canvases of the displayed size cover the server's
// pictures. Until then, and if the voxels cannot be loaded, the server's pictures remain visible.
const KIND_OF_OTHERS = 1;  // coronal and sagittal pictures show the segmentation
let adopted = null, drawing = null, imageShown = null, drawnSlice = null, redrawing = 0, showsOverlay = true, showsTruth = false;
const isDrawn = () => viewer.dataset.drawn === 'yes';
const setDrawn = drawn => { viewer.dataset.drawn = drawn ? 'yes' : 'no'; };
const overlayShown = () => showsOverlay || !isDrawn();
const figures = () => [viewer, panel].flatMap(root => [...root.querySelectorAll('figure[data-plane]')]);

// The index of the section that a plane shows; null before there is a point.
const shownIndex = plane => plane === 'axial' ? (isDrawn() ? drawnSlice : Number(shown().dataset.slice))
  : point && point[plane === 'coronal' ? 0 : 1];

const viewOf = () => ({ ...drawing, overlay: showsOverlay, showsTruth: showsTruth && drawing.truth });

function paint(figure, kind, section, view) {
  const cut = figure.querySelector('.ls-cut'), ratio = Math.min(window.devicePixelRatio || 1, 2);
  const wide = Math.round(cut.clientWidth * ratio), frame = frameOf(section.plane);
  if (!wide) return;
  let canvas = cut.querySelector('canvas');
  if (!canvas) {
    canvas = document.createElement('canvas');
    cut.querySelector('img').after(canvas);
    resized.observe(cut);
  }
  const high = Math.round(wide * frame.height / frame.width);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  drawPicture(canvas, kind, section, frame, view, zooms[section.plane]);
}

// Draws the axial pictures of a slice. Returns false if that is not possible yet.
function draw(slice) {
  const section = adopted && sectionAt('axial', slice);
  if (!section) return false;
  const view = viewOf();
  greyLayer(section, view);
  drawnSlice = slice;
  adopted.dataset.slice = slice;
  setDrawn(true);
  adopted.querySelectorAll('figure[data-picture]').forEach((figure, kind) => {
    paint(figure, kind, section, view);
    labelFigure(figure);
    const cut = figure.querySelector('.ls-cut');
    if (count() > 1) cut.setAttribute('aria-label', fill(TEXT.picture, { name: cut.dataset.name, slice: slice + 1, count: count() }));
  });
  readAgain();
  return true;
}

// Draws the coronal and the sagittal picture through the point, or fetches what is missing.
function drawOthers() {
  if (!adopted || !point || !store.stack) return;
  panel.querySelectorAll('figure[data-plane]').forEach(figure => {
    const { plane } = figure.dataset, section = sectionAt(plane, shownIndex(plane)), view = viewOf();
    if (!section) return fetchSection(plane, shownIndex(plane));
    greyLayer(section, view);
    paint(figure, KIND_OF_OTHERS, section, view);
    return labelFigure(figure);
  });
  readAgain();
}

function drawAll() {
  redrawing = 0;
  if (!shown()) return;
  if (isDrawn() && drawnSlice !== null) draw(drawnSlice);
  drawOthers();
  place(present());
  relabel();
  readAgain();
  showTools();
}
// Draws everything again in the next frame.
const redraw = () => { redrawing = redrawing || requestAnimationFrame(drawAll); };
const resized = new ResizeObserver(redraw);

// Called by slices.js when slices have arrived: draws the wanted slice, or while it is missing, the nearest one.
arrived = () => {
  if (!adopted || drawnSlice === target) return;
  const first = !isDrawn();
  if (draw(target) || first) { showTools(); return; }
  const nearer = [...store.over.keys()].filter(slice => has(slice) && Math.abs(slice - target) < Math.abs(drawnSlice - target));
  if (nearer.length) draw(nearer.reduce((a, b) => Math.abs(a - target) < Math.abs(b - target) ? a : b));
};
// Called by slices.js when slices cannot be loaded: the server draws again.
failed = () => {
  const away = isDrawn();
  setDrawn(false);
  for (const zoom of Object.values(zooms)) Object.assign(zoom, { k: 1, x: 0, y: 0 });
  [viewer, panel].forEach(root => root.querySelectorAll('.ls-cut canvas').forEach(canvas => canvas.remove()));
  place(target);
  relabel();
  showTools();
  if (away && shown()) trigger('select', { slice: target });
};
sectionArrived = () => { if (adopted) drawOthers(); };
sectionFailed = plane => {
  panel.querySelectorAll(`figure[data-plane=${plane}] canvas`).forEach(canvas => canvas.remove());
  showWhole([plane]);
};

// Adopts the result that the page shows, after new content was set: a new result, or the same one again.
function adopt() {
  const now = shown();
  if (now === adopted) return;
  adopted = now;
  resized.disconnect();
  panel.querySelectorAll('.ls-cut canvas').forEach(canvas => resized.observe(canvas.parentElement));
  if (!now) { closeStack(); point = null; return setDrawn(false); }
  drawing = JSON.parse(now.dataset.drawing);
  if (drawing.stack !== store.stack) { setDrawn(false); drawnSlice = null; }
  if (drawing.image !== imageShown) {
    imageShown = drawing.image;
    steppedAt = movedAt = lesionShown = 0;
    point = null;
    measures = [];
    for (const zoom of Object.values(zooms)) Object.assign(zoom, { k: 1, x: 0, y: 0 });
  }
  openStack(drawing);
  target = inside(present());
  draw(target);
  look(target);
}
