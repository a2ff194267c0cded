// Navigation in a volume: steps through its slices, lines through the point, clicks in the views and the profile.
// `element` contains the coronal and sagittal views. Listeners are also set on the containers of the pictures and of the
// results, as their content is replaced with each slice.
const panel = element, viewer = document.querySelector('#ls-viewer'), results = document.querySelector('#ls-results');
const STEP_MS = 50, NUMBERS_MS = 200, WHEEL_PX = 50, LATE_MS = 3000;
let target = 0, steppedAt = 0, waiting = null, sentAt = 0, rolled = 0;

const shown = () => viewer.querySelector('.ls-volume');
const count = () => Number(shown().dataset.slices);
const inside = (slice) => Math.min(Math.max(slice, 0), count() - 1);

// Moves the lines and the mark in the profile to a slice, whose picture may not have arrived yet.
function place(slice) {
  const views = panel.querySelector('.ls-planes');
  if (!views || !shown()) return;
  viewer.style.setProperty('--ls-x', views.dataset.x);
  viewer.style.setProperty('--ls-y', views.dataset.y);
  const share = count() > 1 ? slice / (count() - 1) : 0;
  panel.querySelectorAll('figure[data-plane]').forEach(figure => {
    const { x, lowest, highest } = figure.dataset;
    figure.style.setProperty('--ls-x', x);
    figure.style.setProperty('--ls-y', Number(lowest) + share * (highest - lowest));
  });
  const svg = panel.querySelector('.ls-profile svg'), mark = svg && svg.querySelector('[data-selected]');
  if (!mark) return;
  const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
  const x = (left + (slice + 0.5) / count() * (right - left)) * svg.viewBox.baseVal.width;
  mark.setAttribute('x1', x);
  mark.setAttribute('x2', x);
  mark.dataset.selected = slice;
  panel.querySelector('[role=slider]').setAttribute('aria-valuenow', slice + 1);
}

function send() {
  waiting = null;
  sentAt = Date.now();
  trigger('select', { slice: target, drawn: isDrawn() });
}

function show(slice) {
  target = inside(slice);
  steppedAt = Date.now();
  place(target);
  draw(target);
  look(target);
}

function step(slice) {
  show(slice);
  if (waiting === null) waiting = setTimeout(send, Math.max(0, sentAt + (isDrawn() ? NUMBERS_MS : STEP_MS) - Date.now()));
}

// The browser draws at once when a control changes; all other updates come from the server.
const NUMBERS = { 'ls-center': 'center', 'ls-width': 'width', 'ls-opacity': 'opacity', 'ls-threshold': 'threshold' };
document.addEventListener('input', event => {
  if (!isDrawn() || !event.target.closest) return;
  const control = event.target.closest('#ls-slice, #ls-center, #ls-width, #ls-opacity, #ls-threshold');
  const value = Number(event.target.value);
  if (!control || event.target.value === '' || !Number.isFinite(value)) return;
  if (control.id === 'ls-slice') return show(Math.round(value) - 1);
  if (control.id === 'ls-width' && value < 1) return;
  if (control.id === 'ls-opacity' && !(value >= 0 && value <= 1)) return;
  drawing[NUMBERS[control.id]] = value;
  draw(drawnSlice);
});
document.addEventListener('change', event => {
  const named = isDrawn() && event.target.closest && event.target.closest('#ls-preset label');
  const preset = named && STYLE.presets[named.textContent.trim()];
  if (!preset) return;
  [drawing.center, drawing.width] = preset;
  draw(drawnSlice);
});

// The slice that steps start from: the requested one, or the shown one if the server did not answer within LATE_MS.
const present = () => isDrawn() || Date.now() - steppedAt < LATE_MS ? target : Number(shown().dataset.slice);

function sync() {
  for (const root of [viewer, panel]) {
    root.querySelectorAll('figure[data-plane]').forEach((figure, k) => {
      const large = root.dataset.grown === String(k);
      figure.classList.toggle('ls-enlarged', large);
      figure.querySelector('.ls-grow').setAttribute('aria-pressed', String(large));
    });
  }
  adopt();
  if (!shown()) return;
  if (!isDrawn() && Number(shown().dataset.slice) === target) steppedAt = 0;
  const tab = viewer.dataset.tab || '1';
  viewer.dataset.tab = tab;
  viewer.querySelectorAll('button[data-tab]').forEach(
    button => button.setAttribute('aria-pressed', String(button.dataset.tab === tab)));
  const lines = panel.dataset.lines !== 'off';
  viewer.dataset.lines = lines ? 'on' : 'off';
  panel.querySelectorAll('button[data-lines]').forEach(b => b.setAttribute('aria-pressed', String(lines)));
  place(present());
}

// Restores the focus after content was replaced.
let focused = null;
function nameOf(node) {
  if (!node || !node.closest) return null;
  const figure = node.closest('figure[data-plane]');
  if (node.matches('.ls-cut') && viewer.contains(node))
    return `#ls-viewer figure[data-picture="${figure.dataset.picture}"] .ls-cut`;
  if (node.matches('.ls-cut') && panel.contains(node)) return `#ls-planes figure[data-plane=${figure.dataset.plane}] .ls-cut`;
  if (node.matches('[data-lesion] [data-go]')) return `#ls-results [data-lesion="${node.closest('[data-lesion]').dataset.lesion}"] [data-go]`;
  return null;
}
document.addEventListener('focusin', event => { focused = nameOf(event.target); });
function refocus() {
  if (!focused || (document.activeElement && document.activeElement !== document.body)) return;
  const again = document.querySelector(focused);
  if (again) again.focus({ preventScroll: true });
}

const grow = (figure, root) => {
  const k = String([...root.querySelectorAll('figure[data-plane]')].indexOf(figure));
  const before = root.dataset.grown;
  delete viewer.dataset.grown;
  delete panel.dataset.grown;
  if (before !== k) root.dataset.grown = k;
  sync();
};

for (const root of [viewer, panel]) {
  root.addEventListener('click', event => {
    if (!shown()) return;
    const { target: node } = event, figure = node.closest('figure[data-plane]');
    const tab = node.closest('button[data-tab]'), lines = node.closest('button[data-lines]');
    if (tab) { viewer.dataset.tab = tab.dataset.tab; sync(); return isDrawn() && draw(drawnSlice); }
    if (lines) { panel.dataset.lines = panel.dataset.lines === 'off' ? 'on' : 'off'; return sync(); }
    if (!figure) return;
    if (node.closest('.ls-grow')) return grow(figure, root);
    const image = node.closest('.ls-cut') && figure.querySelector('img');
    if (!image) return;
    const box = image.getBoundingClientRect(), { plane, lowest, highest } = figure.dataset;
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    steppedAt = 0;
    if (isDrawn() && plane !== 'axial') show(Math.round((y - lowest) / (highest - lowest) * (count() - 1)));
    trigger('select', { plane, x, y, drawn: isDrawn() });
  });
  root.addEventListener('wheel', event => {
    if (!shown() || event.ctrlKey || !event.target.closest('.ls-cut')) return;
    const down = event.deltaY * (event.deltaMode ? 33 : 1);
    const at = present();
    if (!down || (down > 0 ? at === 0 : at === count() - 1)) return;  // at the end the page scrolls
    event.preventDefault();
    rolled = Math.sign(rolled) === Math.sign(down) ? rolled + down : down;
    const steps = Math.trunc(rolled / WHEEL_PX);
    rolled -= steps * WHEEL_PX;
    if (steps) step(at - Math.sign(steps) * Math.min(Math.abs(steps), 3));
  }, { passive: false });
  root.addEventListener('keydown', event => {
    if (!shown() || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Escape' && (viewer.dataset.grown || panel.dataset.grown)) {
      delete viewer.dataset.grown;
      delete panel.dataset.grown;
      return sync();
    }
    if (!event.target.closest('.ls-cut, [role=slider]')) return;
    const at = present();
    const to = { ArrowUp: at + 1, ArrowRight: at + 1, ArrowDown: at - 1, ArrowLeft: at - 1, PageUp: at + 10,
      PageDown: at - 10, Home: 0, End: count() - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    step(to);
  });
}

// The profile: a click or a drag goes to the slice under the pointer.
const scrub = event => {
  const svg = panel.querySelector('.ls-profile svg'), box = svg.getBoundingClientRect();
  const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
  const share = ((event.clientX - box.left) / box.width - left) / (right - left);
  step(Math.floor(share * count()));
};
panel.addEventListener('pointerdown', event => {
  if (!shown() || !event.target.closest('.ls-profile svg') || event.button) return;
  scrub(event);
  panel.dataset.scrubbing = event.pointerId;
});
document.addEventListener('pointermove', event => {
  if (panel.dataset.scrubbing === String(event.pointerId) && event.buttons) scrub(event);
});
for (const end of ['pointerup', 'pointercancel'])
  document.addEventListener(end, () => { delete panel.dataset.scrubbing; });

document.addEventListener('click', event => {
  const jump = event.target.closest && event.target.closest('#ls-comparison [data-slice]');
  if (jump && isDrawn()) show(Number(jump.dataset.slice));
}, true);

results.addEventListener('click', event => {
  const row = shown() && !event.target.closest('[data-reject]') && event.target.closest('[data-lesion]');
  if (!row) return;
  steppedAt = 0;
  if (isDrawn()) show(Number(row.dataset.at));
  trigger('select', { lesion: Number(row.dataset.lesion), drawn: isDrawn() });
});

new MutationObserver(() => { sync(); refocus(); }).observe(viewer, { childList: true, subtree: true });
new MutationObserver(refocus).observe(results, { childList: true, subtree: true });
watch('value', () => { sync(); refocus(); });
sync();
