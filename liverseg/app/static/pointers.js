// Mouse and fingers in the pictures. A left click moves the lines, a drag with the right button changes the window, a drag
// moves a zoomed picture or measures, two fingers zoom, and a swipe steps through the slices.
const SLIP_PX = 4, SWIPE_PX = 14, WINDOW_HU = 1.5, WHEEL_PX = 50;
const CENTER_STEP = 5, WIDTH_STEP = 10;
const fingers = new Map();
let drag = null, rolled = 0, dragged = false;

const cutOf = event => shown() && event.target.closest && event.target.closest('figure[data-plane] .ls-cut');

function modeOf(event, plane) {
  if (event.pointerType !== 'touch' && event.button === 2) return 'window';
  if (event.button === 1) return isZoomed(plane) ? 'pan' : null;
  if (event.button) return null;
  if (tool && isDrawn()) return 'measure';
  if (isZoomed(plane)) return 'pan';
  return event.pointerType === 'touch' && count() > 1 ? 'swipe' : 'click';
}

function press(event) {
  const cut = cutOf(event), remove = event.target.closest('[data-measurement] .ls-remove');
  if (!cut || (fingers.size && ![...fingers.values()].every(finger => finger.cut === cut))) return;
  stopCine();
  dragged = false;
  if (remove) {
    dragged = true;  // the click that follows does not move the lines
    const { measurement } = remove.parentElement.dataset;
    return removeMeasures(one => String(one.id) !== measurement);
  }
  const plane = planeOf(cut), section = shownIndex(plane) === null ? null : sectionAt(plane, shownIndex(plane));
  if (event.pointerType === 'touch') fingers.set(event.pointerId, { cut, x: event.clientX, y: event.clientY });
  if (fingers.size === 2) {
    if (drag && drag.mode === 'measure') endMeasure(0);
    drag = { cut, plane, mode: 'pinch', far: 99 };
    dragged = true;
    return undefined;
  }
  const mode = modeOf(event, plane);
  if (!mode) return;
  drag = { cut, plane, mode, id: event.pointerId, x: event.clientX, y: event.clientY, far: 0, steps: 0, from: [drawing.center, drawing.width] };
  drag.startX = drag.x;
  drag.startY = drag.y;
  if (mode === 'measure') {
    const [x, y] = toSection(plane, framePlace(cut, event));
    if (!section || x < 0 || y < 0 || x > section.columns || y > section.rows) { drag = null; return; }
    startMeasure(section, [x, y]);
  }
  if (mode !== 'click') cut.setPointerCapture(event.pointerId);
  if (event.pointerType === 'touch' || mode === 'measure') readAt(cut, event);
}

function pinch(event) {
  if (fingers.size < 2) return;
  const before = fingers.get(event.pointerId), other = [...fingers].find(([id]) => id !== event.pointerId)[1], { cut, plane } = drag;
  const apart = one => Math.hypot(one.x - other.x, one.y - other.y) || 1, now = { cut, x: event.clientX, y: event.clientY };
  const middle = one => framePlace(cut, { clientX: (one.x + other.x) / 2, clientY: (one.y + other.y) / 2 });
  const [from, to] = [middle(before), middle(now)];
  fingers.set(event.pointerId, now);
  if (!isDrawn()) return;
  zoomAt(plane, apart(now) / apart(before), from);
  panBy(plane, to[0] - from[0], to[1] - from[1]);
}

function move(event) {
  if (drag && drag.mode === 'pinch' && fingers.has(event.pointerId)) return pinch(event);
  const over = cutOf(event);
  if (!drag || drag.id !== event.pointerId) return event.pointerType !== 'touch' && (over || reading) ? readAt(over, event) : undefined;
  const { cut, plane, mode } = drag, dx = event.clientX - drag.startX, dy = event.clientY - drag.startY;
  drag.far = Math.max(drag.far, Math.hypot(dx, dy));
  if (drag.far >= SLIP_PX) dragged = true;
  if (mode === 'measure') stretchMeasure(toSection(plane, framePlace(cut, event)));
  else if (mode === 'window') {
    const step = (value, size) => Math.round(value / size) * size;
    setWindow(step(drag.from[0] - dy * WINDOW_HU, CENTER_STEP), step(drag.from[1] + dx * WINDOW_HU, WIDTH_STEP));
  } else if (mode === 'pan' && dragged) {
    const [from, to] = [framePlace(cut, { clientX: drag.x, clientY: drag.y }), framePlace(cut, event)];
    panBy(plane, to[0] - from[0], to[1] - from[1]);
  } else if (mode === 'swipe' && (Math.abs(dx) >= SWIPE_PX || drag.steps)) {
    const steps = Math.trunc(dx / SWIPE_PX);
    if (steps !== drag.steps) step(present() + steps - drag.steps);
    drag.steps = steps;
  }
  drag.x = event.clientX;
  drag.y = event.clientY;
  return readAt(cut, event);
}

function release(event) {
  fingers.delete(event.pointerId);
  if (!drag || (drag.mode === 'pinch' ? fingers.size : drag.id !== event.pointerId)) return;
  const { mode, far } = drag;
  drag = null;
  if (mode === 'measure') endMeasure(far);
  if (mode === 'window' && far >= SLIP_PX) send();
}

for (const root of [viewer, panel]) {
  root.addEventListener('pointerdown', press);
  root.addEventListener('contextmenu', event => { if (cutOf(event)) event.preventDefault(); });
  root.addEventListener('click', event => {
    const cut = cutOf(event);
    if (!cut || dragged || tool) return;
    const plane = planeOf(cut), place = framePlace(cut, event), frame = frameOf(plane), [x, y] = toSection(plane, place);
    if (place[1] > frame.height - frame.strip) return;
    const at = voxelOf(plane, plane === 'axial' ? target : shownIndex(plane) || 0, x, y).map(Math.floor);
    goTo(at.map((value, k) => Math.min(Math.max(value, 0), [count(), drawing.rows, drawing.columns][k] - 1)));
  });
  root.addEventListener('dblclick', event => { const cut = cutOf(event); if (cut) showWhole([planeOf(cut)]); });
  root.addEventListener('pointerleave', event => { if (event.pointerType !== 'touch' && !drag) readAt(null); });
  root.addEventListener('wheel', event => {
    const cut = cutOf(event), down = event.deltaY * (event.deltaMode ? 33 : 1);
    if (!cut) return;
    stopCine();
    if (event.ctrlKey) {
      event.preventDefault();  // the page does not zoom
      if (isDrawn()) zoomAt(planeOf(cut), Math.exp(-Math.min(Math.max(down, -150), 150) * 0.004), framePlace(cut, event));
      return;
    }
    const at = present();
    if (!down || (down > 0 ? at === 0 : at === count() - 1)) return;  // at the end the page scrolls
    event.preventDefault();
    rolled = Math.sign(rolled) === Math.sign(down) ? rolled + down : down;
    const steps = Math.trunc(rolled / WHEEL_PX);
    rolled -= steps * WHEEL_PX;
    if (steps) step(at - Math.sign(steps) * Math.min(Math.abs(steps), 3));
  }, { passive: false });
}
document.addEventListener('pointermove', move);
for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, release);
