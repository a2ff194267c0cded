// Navigation: the point in which the planes cut each other, steps through the slices, clicks in the profile and on lesions.
// `element` contains the coronal and sagittal views. Listeners are also set on the containers of the pictures and of the
// results, as their content is replaced.
const panel = element, viewer = document.querySelector('#ls-viewer');
const STEP_MS = 50, NUMBERS_MS = 200, LATE_MS = 3000, AGAIN_MS = 500, MOST_AGAIN = 9;
let target = 0, point = null, steppedAt = 0, movedAt = 0, windowSet = false, waiting = null, checking = null, sentAt = 0;

const shown = () => viewer.querySelector('.ls-volume');
const count = () => Number(shown().dataset.slices);
const inside = (slice) => Math.min(Math.max(slice, 0), count() - 1);

// Moves the lines and the mark in the profile to a slice, whose picture may not have arrived yet.
function place(slice) {
  if (!shown() || !drawing) return;
  viewer.dataset.pointed = point ? 'yes' : 'no';
  if (point) figures().forEach(figure => {
    const { plane } = figure.dataset, frame = frameOf(plane), [x, y] = toFrame(plane, sectionPlace(plane, [slice, ...point]));
    const seen = x >= 0 && x <= frame.width && y >= 0 && y <= frame.height - frame.strip;
    figure.style.setProperty('--ls-x', x / frame.width);
    figure.style.setProperty('--ls-y', y / frame.height);
    figure.classList.toggle('ls-away', !seen);
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

// Whether the server knows slice, point and window: its updates have reached the controls and the views.
function isKnown() {
  const views = panel.querySelector('.ls-planes'), valueOf = id => Number((document.querySelector(`#${id} input`) || {}).value);
  if (windowSet && valueOf('ls-center') === drawing.center && valueOf('ls-width') === drawing.width) windowSet = false;
  return !windowSet && (count() < 2 || valueOf('ls-slice') === target + 1)
    && (!views || !point || (Number(views.dataset.row) === point[0] && Number(views.dataset.column) === point[1]));
}

// Sends what the page has changed to the server. Gradio repeats the event before it if an event comes while another one is
// handled, so the state is sent again, after longer and longer pauses, until the server knows it.
function send(more = {}, again = 0) {
  clearTimeout(waiting);
  clearTimeout(checking);
  waiting = null;
  sentAt = Date.now();
  checking = setTimeout(() => {
    if (shown() && isDrawn() && !cine && waiting === null && again < MOST_AGAIN && !isKnown()) send({}, again + 1);
  }, AGAIN_MS * 1.6 ** again);
  const drawn = isDrawn(), at = drawn && point ? { row: point[0], column: point[1] } : {};
  const window = windowSet ? { center: drawing.center, width: drawing.width } : {};
  trigger('select', { slice: target, drawn, ...at, ...window, ...more });
}

function show(slice) {
  target = inside(slice);
  steppedAt = Date.now();
  place(target);
  if (!draw(target)) relabel();
  look(target);
  saySlice();
}

// Tells screen readers the slice and the lesions in it, once the steps have come to rest.
const SAID_MS = 500;
let saying = null;
function saySlice() {
  clearTimeout(saying);
  if (cine || count() < 2) return;
  saying = setTimeout(() => {
    const region = document.querySelector('#ls-status [data-said-slice]');
    if (!region || !shown() || !drawing) return;
    const ids = drawing.lesions.filter(one => one[2] === target && one[1] !== 'rejected').map(([id]) => id).sort((a, b) => a - b);
    const found = ids.length ? fill(TEXT.said_lesions, { lesions: ids.join(', ') }) : TEXT.said_none;
    region.textContent = fill(TEXT.said, { slice: target + 1, count: count(), found });
  }, SAID_MS);
}

// Moves the lines to a voxel at once where the browser draws, and on the server.
function goTo([slice, row, column]) {
  const drawn = isDrawn();
  if (drawn) {
    point = [row, column];
    movedAt = Date.now();
    show(slice);
    drawOthers();
  } else if (count() === 1) {
    point = [row, column];
    place(0);
  } else steppedAt = 0;
  if (count() > 1) send({ slice, row, column });
}

function step(slice) {
  show(slice);
  if (waiting === null) waiting = setTimeout(() => send(), Math.max(0, sentAt + (isDrawn() ? NUMBERS_MS : STEP_MS) - Date.now()));
}

// The browser draws at once when a control changes; all other updates come from the server. A number that is typed counts
// when it is complete.
const NUMBERS = { 'ls-center': 'center', 'ls-width': 'width', 'ls-opacity': 'opacity', 'ls-threshold': 'threshold' };
function follow(event) {
  const input = event.target, typed = input.type === 'number';
  if (!isDrawn() || !input.closest || typed !== (event.type === 'change')) return undefined;
  const control = input.closest('#ls-slice, #ls-center, #ls-width, #ls-opacity, #ls-threshold');
  if (!control || input.value === '' || !Number.isFinite(Number(input.value))) return undefined;
  const range = control.querySelector('input[type=range]') || input, [low, high] = [range.min, range.max].map(Number);
  const value = Math.min(Math.max(Number(input.value), low), high);
  if (control.id === 'ls-slice') return show(Math.round(value) - 1);
  if (control.id === 'ls-center' || control.id === 'ls-width') windowSet = false;
  drawing[NUMBERS[control.id]] = value;
  return drawAll();
}
document.addEventListener('input', follow);
document.addEventListener('change', follow);
document.addEventListener('change', event => {
  const named = isDrawn() && event.target.closest && event.target.closest('#ls-preset label');
  const preset = named && STYLE.presets[PRESET_NAMES[named.textContent.trim()]];
  if (!preset) return;
  windowSet = false;
  [drawing.center, drawing.width] = preset;
  drawAll();
});

// Sets the display window on the page and on the server.
function setWindow(center, width) {
  const within = (value, [low, high]) => Math.min(Math.max(value, low), high);
  drawing.center = within(center, STYLE.center_range);
  drawing.width = within(width, STYLE.width_range);
  windowSet = true;
  redraw();
}

// The slice that steps start from: the requested one, or the shown one if the server did not answer within LATE_MS.
const present = () => isDrawn() || Date.now() - steppedAt < LATE_MS ? target : Number(shown().dataset.slice);

// Follows new content from the server: the point of its views, unless the page has just moved it.
function sync() {
  adopt();
  if (!shown()) return showTools();
  const views = panel.querySelector('.ls-planes');
  if (views && (!point || !isDrawn() || Date.now() - movedAt > LATE_MS)) point = [Number(views.dataset.row), Number(views.dataset.column)];
  if (!isDrawn() && Number(shown().dataset.slice) === target) steppedAt = 0;
  const tab = viewer.dataset.tab || '1';
  viewer.dataset.tab = tab;
  viewer.querySelectorAll('button[data-tab]').forEach(
    button => button.setAttribute('aria-pressed', String(button.dataset.tab === tab)));
  place(present());
  drawOthers();
  relabel();
  return showTools();
}

// Restores the focus after content was replaced.
let focused = null;
function nameOf(node) {
  if (!node || !node.closest) return null;
  const figure = node.closest('figure[data-plane]');
  if (node.matches('.ls-cut') && viewer.contains(node))
    return `#ls-viewer figure[data-picture="${figure.dataset.picture}"] .ls-cut`;
  if (node.matches('.ls-cut') && panel.contains(node)) return `#ls-planes figure[data-plane=${figure.dataset.plane}] .ls-cut`;
  if (node.matches('.ls-tools button') && viewer.contains(node)) return `#ls-viewer .ls-tools [data-tool=${node.dataset.tool}]`;
  if (node.matches('[data-lesion] [data-go]')) return `#ls-results [data-lesion="${node.closest('[data-lesion]').dataset.lesion}"] [data-go]`;
  return null;
}
document.addEventListener('focusin', event => { focused = nameOf(event.target); });
function refocus() {
  if (!focused || (document.activeElement && document.activeElement !== document.body)) return;
  const again = document.querySelector(focused);
  if (again) again.focus({ preventScroll: true });
}

viewer.addEventListener('click', event => {
  const tab = shown() && event.target.closest('button[data-tab]');
  if (!tab) return;
  viewer.dataset.tab = tab.dataset.tab;
  sync();
  redraw();
});

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

new MutationObserver(() => {
  if (shown() === adopted) return;  // the scripts changed something themselves
  sync();
  refocus();
}).observe(viewer, { childList: true, subtree: true });
new MutationObserver(refocus).observe(document.querySelector('#ls-results'), { childList: true, subtree: true });
watch('value', () => { sync(); refocus(); });
