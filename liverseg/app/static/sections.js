// Coronal and sagittal sections through the point. The last ones are kept; a section that is missing is fetched alone.
const KEPT_SECTIONS = 24;
const others = new Map(), fetching = new Map();
let sectionArrived = () => {}, sectionFailed = () => {};

function forgetSections() {
  others.clear();
  for (const one of fetching.values()) one.abort.abort();
  fetching.clear();
}

// The section of a plane at an index, or null while it is missing.
function sectionAt(plane, index) {
  return (plane === 'axial' ? has(index) && store.over.get(index) : others.get(`${plane} ${index}`)) || null;
}

// Fetches a section, instead of the one of this plane that may be on its way.
async function fetchSection(plane, index) {
  const key = `${plane} ${index}`, { stack } = store;
  if (!stack || others.has(key)) return;
  if (fetching.has(plane)) {
    if (fetching.get(plane).key === key) return;
    fetching.get(plane).abort.abort();
  }
  const abort = new AbortController(), mine = { key, abort };
  fetching.set(plane, mine);
  try {
    const answer = await fetch(address(`liverseg/sections/${stack}/${plane}/${index}/all`), { signal: abort.signal, cache: 'no-store' });
    if (!answer.ok) throw new Error(`sections: ${answer.status}`);
    const data = new Uint8Array(await answer.arrayBuffer());
    if (stack !== store.stack) return;
    const columns = plane === 'coronal' ? store.columns : store.rows;
    others.set(key, Object.assign(unpackSection(data, 0, store.count, columns, null), { plane, index }));
    if (others.size > KEPT_SECTIONS) others.delete(others.keys().next().value);
    sectionArrived(plane);
  } catch (error) {
    if (stack === store.stack && error.name !== 'AbortError') sectionFailed(plane);
  } finally {
    if (fetching.get(plane) === mine) fetching.delete(plane);
  }
}

// Continuous positions (slice, row, column), in which voxel k reaches from k to k + 1, of a position in a section.
const voxelOf = (plane, index, x, y) => plane === 'axial' ? [index + 0.5, y, x]
  : plane === 'coronal' ? [store.count - y, index + 0.5, x] : [store.count - y, x, index + 0.5];
// The position of a voxel's centre in the section of a plane.
const sectionPlace = (plane, [slice, row, column]) => plane === 'axial' ? [column + 0.5, row + 0.5]
  : [(plane === 'coronal' ? column : row) + 0.5, store.count - slice - 0.5];
const sizeOf = plane => plane === 'axial' ? [store.columns, store.rows] : [plane === 'coronal' ? store.columns : store.rows, store.count];
// Distances between columns and between rows of a section in mm; null: unknown.
function stepsOf(plane) {
  if (!drawing.spacing) return null;
  const [slice, row, column] = drawing.spacing;
  return plane === 'axial' ? [column, row] : [plane === 'coronal' ? column : row, slice];
}
