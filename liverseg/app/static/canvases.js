// The pictures of a slice that the browser draws. Once the voxels are loaded, canvases of the displayed size cover the
// server's pictures. Until then, and if the voxels cannot be loaded, the server's pictures remain visible.
let adopted = null, drawing = null, drawnSlice = null;
const isDrawn = () => viewer.dataset.drawn === 'yes';
const setDrawn = drawn => { viewer.dataset.drawn = drawn ? 'yes' : 'no'; };

// Draws the pictures of a slice on canvases over those of the server. Returns false if that is not possible yet.
function draw(slice) {
  if (!adopted || !has(slice)) return false;
  const { frame } = drawing, ratio = Math.min(window.devicePixelRatio || 1, 2);
  greyLayer(store.hu.get(slice), drawing);
  adopted.querySelectorAll('figure[data-picture]').forEach((figure, kind) => {
    const cut = figure.querySelector('.ls-cut'), wide = Math.round(cut.clientWidth * ratio);
    if (!wide) return;
    let canvas = cut.querySelector('canvas');
    if (!canvas) {
      canvas = document.createElement('canvas');
      cut.querySelector('img').after(canvas);
      resized.observe(cut);
    }
    const high = Math.round(wide * frame.height / frame.width);
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    drawPicture(canvas, kind, slice, frame, drawing);
    cut.setAttribute('aria-label', cut.getAttribute('aria-label').replace(/slice \d+ of/, `slice ${slice + 1} of`));
  });
  adopted.dataset.slice = slice;
  drawnSlice = slice;
  setDrawn(true);
  return true;
}
const resized = new ResizeObserver(() => { if (isDrawn() && drawnSlice !== null) draw(drawnSlice); });

// Called by slices.js when slices have arrived: draws the wanted slice, or while it is missing, the nearest one.
arrived = () => {
  if (!adopted || drawnSlice === target) return;
  if (draw(target) || !isDrawn()) return;
  const nearer = [...store.over.keys()].filter(slice => has(slice) && Math.abs(slice - target) < Math.abs(drawnSlice - target));
  if (nearer.length) draw(nearer.reduce((a, b) => Math.abs(a - target) < Math.abs(b - target) ? a : b));
};
// Called by slices.js when slices cannot be loaded: the server draws again.
failed = () => {
  const away = isDrawn();
  setDrawn(false);
  viewer.querySelectorAll('.ls-cut canvas').forEach(canvas => canvas.remove());
  if (away && shown()) trigger('select', { slice: target });
};

// Adopts the result that the page shows, after new content was set: a new result, or the same one again.
function adopt() {
  const now = shown();
  if (now === adopted) return;
  adopted = now;
  resized.disconnect();
  if (!now) { closeStack(); return setDrawn(false); }
  drawing = JSON.parse(now.dataset.drawing);
  if (drawing.stack !== store.stack) { setDrawn(false); drawnSlice = null; }
  if (drawing.image !== store.image) steppedAt = 0;
  openStack(drawing);
  target = inside(present());
  draw(target);
  look(target);
}
