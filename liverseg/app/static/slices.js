// The voxels of a volume, packed as in liverseg/app/state/voxels.py. Slices near the current one are fetched, first in
// the direction of travel; slices far from it are dropped. Until a visitor does something, only the current slice is
// fetched, which keeps the first load small. canvases.js sets the callbacks `arrived` and `failed`.
const MEMORY = 96 * 2 ** 20, REACH = 16, SPAN_BYTES = 3 * 2 ** 20, MAX_SPAN = 16, AT_ONCE = 2;  // one more request if the current slice is missing
const store = { stack: null, image: null, rows: 0, columns: 0, count: 0, truth: false, hu: new Map(), over: new Map() };
let awake = false, centre = 0, direction = 1, asked = [], arrived = () => {}, failed = () => {};

const base = () => (window.gradio_config && window.gradio_config.root) || document.baseURI;
const address = path => new URL(path, base().replace(/\/*$/, '/')).href;

function openStack({ stack, image, rows, columns, count, truth = false }) {
  if (stack === store.stack) return;
  for (const one of asked) one.abort.abort();
  asked = [];
  store.over.clear();
  forgetSections();
  if (image !== store.image) store.hu.clear();
  Object.assign(store, { stack, image, rows, columns, count, truth });
}

const closeStack = () => openStack({ stack: null, image: null, rows: 0, columns: 0, count: 0 });
const has = slice => store.over.has(slice) && store.hu.has(slice);
const perSlice = () => Math.max(1, store.rows * store.columns * 4);
const capacity = () => Math.max(3, Math.floor(MEMORY / perSlice()));
const missing = slice => slice >= 0 && slice < store.count && !has(slice)
  && !asked.some(one => slice >= one.first && slice <= one.last);

// Sets the current slice and fetches it and its neighbours.
function look(slice) {
  if (slice !== centre) direction = Math.sign(slice - centre);
  centre = slice;
  fetchNext();
}

function wake() {
  if (awake) return;
  awake = true;
  fetchNext();
}
for (const kind of ['pointermove', 'pointerdown', 'wheel', 'keydown'])
  document.addEventListener(kind, wake, { capture: true, passive: true });

function nextSpan() {
  const reach = awake ? Math.min(REACH, Math.floor((capacity() - 1) / 2)) : 0;
  const most = store.over.size ? Math.min(Math.max(Math.floor(SPAN_BYTES / perSlice()), 1), MAX_SPAN) : 1;
  for (let away = 0; away <= reach; away++) {
    for (const way of away ? [direction, -direction] : [direction]) {
      const start = centre + way * away;
      if (!missing(start)) continue;
      let end = start;
      const what = store.hu.has(start) ? 'overlay' : 'all';
      while (Math.abs(end + way - start) < most && Math.abs(end + way - centre) <= reach && missing(end + way)
        && store.hu.has(end + way) === (what === 'overlay')) end += way;
      return { first: Math.min(start, end), last: Math.max(start, end), what };
    }
  }
  return null;
}

async function fetchNext() {
  const first = !store.over.size;  // the first slice is requested alone, which is fastest
  if (!store.stack || asked.length >= (first ? 1 : missing(centre) ? AT_ONCE + 1 : AT_ONCE)) return;
  const span = nextSpan();
  if (!span) return;
  const one = { ...span, abort: new AbortController() }, { stack } = store;
  asked.push(one);
  try {
    const path = `liverseg/slices/${stack}/${span.first}-${span.last}/${span.what}`;
    const coming = fetch(address(path), { signal: one.abort.signal, cache: 'no-store' });
    fetchNext();
    const answer = await coming;
    if (!answer.ok) throw new Error(`slices: ${answer.status}`);
    const data = new Uint8Array(await answer.arrayBuffer());
    if (stack === store.stack) unpack(data, span);
  } catch (error) {
    if (stack !== store.stack || error.name === 'AbortError') return;
    closeStack();
    return failed();
  } finally {
    asked = asked.filter(other => other !== one);
  }
  arrived();
  fetchNext();
}

// The voxels of one section in packed bytes from `at` on; `hu` is that known already, or null if it is packed, too.
function unpackSection(data, at, rows, columns, hu) {
  const size = rows * columns, plane = () => data.subarray(at, at += size);
  if (!hu) {
    const low = plane(), high = plane();
    hu = new Int16Array(size);
    for (let row = 0, k = 0; row < rows; row++) {
      let value = 0;
      for (const end = k + columns; k < end; k++) hu[k] = value = (value + (low[k] | high[k] << 8)) << 16 >> 16;
    }
  }
  const both = plane(), probability = plane();
  const [labels, truth] = store.truth ? [both.map(value => value & 15), both.map(value => value >> 4 & 3)] : [both, null];
  return { rows, columns, hu, labels, truth, probability, paths: {}, end: at };
}

function unpack(data, { first, last, what }) {
  const { rows, columns } = store;
  let at = 0;
  for (let slice = first; slice <= last; slice++) {
    const section = unpackSection(data, at, rows, columns, what === 'all' ? null : store.hu.get(slice));
    at = section.end;
    store.hu.set(slice, section.hu);
    store.over.set(slice, Object.assign(section, { plane: 'axial', index: slice }));
  }
  for (const kept of [store.hu, store.over]) {
    if (kept.size <= capacity()) continue;
    const far = [...kept.keys()].sort((a, b) => Math.abs(b - centre) - Math.abs(a - centre));
    for (const slice of far.slice(0, kept.size - capacity())) kept.delete(slice);
  }
}
