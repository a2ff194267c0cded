// The surfaces of liver and tumours in WebGL, rotated by dragging and zoomed by wheel or pinch. The mesh is fetched
// when much of the 3D view is on the screen. The opaque tumours are drawn first, then the far side of the liver faintly, then only
// the nearest points of its near side, so that the translucent picture does not depend on the order of triangles. A click
// goes to the point of a tumour, or else of the liver, under it.
const panel = element;
const INSIDE_M = 0.001;  // the point of a click is this far inside the surface
const SLIP_PX = 4;
const SEEN = 0.4;  // share of the view on the screen from which it is drawn
const FAR = 0.32, FIELD = 0.45, AT_FIRST = 1.12, SMALLEST = 0.4, LARGEST = 6;
const FACES = { Front: [0, 0], Right: [Math.PI / 2, 0], Left: [-Math.PI / 2, 0], Back: [Math.PI, 0], Head: [0, Math.PI / 2], Feet: [0, -Math.PI / 2] };
const START = [-0.4, 0.22], MOST_TILT = Math.PI / 2;
let canvas = null, gl = null, program = null, parts = [], token = null, box = null, waiting = 0;
let turn = [...START], zoom = AT_FIRST;

const VERTEX = `attribute vec3 point, normal; uniform mat4 view, lens; varying vec3 facing, eye;
void main() { vec4 at = view * vec4(point, 1.0); facing = mat3(view) * normal; eye = -at.xyz; gl_Position = lens * at; }`;
const FRAGMENT = `precision mediump float; varying vec3 facing, eye; uniform vec4 colour; uniform float share;
void main() {
  vec3 n = normalize(facing), e = normalize(eye);
  if (dot(n, e) < 0.0) n = -n;
  float rim = 1.0 - dot(n, e), light = 0.42 + 0.62 * max(dot(n, normalize(vec3(-0.35, 0.45, 0.82))), 0.0);
  float shine = 0.25 * pow(max(dot(n, normalize(e + vec3(-0.35, 0.45, 0.82))), 0.0), 40.0);
  float alpha = colour.a < 1.0 ? share * mix(0.26, 0.85, rim * rim) : 1.0;
  gl_FragColor = vec4((colour.rgb * light + shine) * alpha, alpha);
}`;

function start() {
  canvas = document.createElement('canvas');
  const options = { alpha: true, antialias: true, premultipliedAlpha: true, preserveDrawingBuffer: true };
  gl = canvas.getContext('webgl2', options) || canvas.getContext('webgl', options);
  if (!gl) return;
  canvas.addEventListener('webglcontextlost', event => { event.preventDefault(); program = null; });
  canvas.addEventListener('webglcontextrestored', () => { prepare(); parts.forEach(send); paint(); });
  prepare();
}

function prepare() {
  program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, 'point');
  gl.bindAttribLocation(program, 1, 'normal');
  gl.linkProgram(program);
}

function send(part) {
  part.buffers = [[gl.ARRAY_BUFFER, part.points], [gl.ARRAY_BUFFER, part.normals], [gl.ELEMENT_ARRAY_BUFFER, part.faces]]
    .map(([target, data]) => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(target, buffer);
      gl.bufferData(target, data, gl.STATIC_DRAW);
      return buffer;
    });
}

function boxOf(all) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (const { points } of all) for (let k = 0; k < points.length; k++) {
    low[k % 3] = Math.min(low[k % 3], points[k]);
    high[k % 3] = Math.max(high[k % 3], points[k]);
  }
  const middle = low.map((value, k) => (value + high[k]) / 2), half = low.map((value, k) => (high[k] - value) / 2);
  return { middle, half, radius: Math.hypot(...half) };
}

// Column-major matrices. The view centres the mesh, rotates it about the body axis, tilts it and moves it away.
function matrices() {
  const [around, tilt] = turn, [c, s, d, t] = [Math.cos(around), Math.sin(around), Math.cos(tilt), Math.sin(tilt)];
  const rows = [[c, 0, s], [t * s, d, -t * c], [-d * s, t, d * c]];
  const away = box.radius / Math.sin(FIELD / 2) / zoom, { middle } = box;
  const moved = rows.map(row => -row.reduce((sum, value, k) => sum + value * middle[k], 0));
  const view = [0, 1, 2].flatMap(k => [rows[0][k], rows[1][k], rows[2][k], 0]).concat([moved[0], moved[1], moved[2] - away, 1]);
  const aspect = canvas.width / canvas.height, f = 1 / Math.tan(FIELD / 2) / Math.max(1, 1 / aspect);
  const near = Math.max(away - 1.6 * box.radius, box.radius / 100), far = away + 1.6 * box.radius;
  const lens = [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0];
  return { view, lens, rows, away, f, aspect };
}

function paint() {
  waiting = 0;
  const stage = canvas && canvas.parentElement;
  if (!stage || !program || !box || !stage.clientWidth) return;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [wide, high] = [stage.clientWidth, stage.clientHeight].map(px => Math.round(px * ratio));
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const { view, lens, rows, away, f, aspect } = matrices(), place = name => gl.getUniformLocation(program, name);
  gl.viewport(0, 0, wide, high);
  gl.useProgram(program);
  gl.uniformMatrix4fv(place('view'), false, view);
  gl.uniformMatrix4fv(place('lens'), false, lens);
  gl.depthMask(true);
  gl.colorMask(true, true, true, true);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  gl.enable(gl.CULL_FACE);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const put = (part, share, { culled = gl.BACK, seen = true, deep = true, test = gl.LEQUAL }) => {
    gl.cullFace(culled);
    gl.colorMask(seen, seen, seen, seen);
    gl.depthMask(deep);
    gl.depthFunc(test);
    gl.uniform4fv(place('colour'), part.shown);
    gl.uniform1f(place('share'), share);
    [0, 1].forEach(k => {
      gl.bindBuffer(gl.ARRAY_BUFFER, part.buffers[k]);
      gl.enableVertexAttribArray(k);
      gl.vertexAttribPointer(k, 3, gl.FLOAT, false, 0, 0);
    });
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.buffers[2]);
    gl.drawElements(gl.TRIANGLES, part.faces.length, part.faces instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT, 0);
  };
  gl.disable(gl.BLEND);
  for (const part of parts) if (part.shown[3] === 1) put(part, 1, {});
  gl.enable(gl.BLEND);
  for (const part of parts) if (part.shown[3] < 1) {
    put(part, FAR, { culled: gl.FRONT, deep: false });
    put(part, 1, { seen: false });
    put(part, 1, { deep: false, test: gl.EQUAL });
  }
  gl.depthMask(true);
  gl.colorMask(true, true, true, true);

  // A letter is placed at the end of its axis; it is hidden if the axis points at the viewer or away.
  const [across, up] = [f / aspect, f];
  stage.querySelectorAll('[data-axis]').forEach(letter => {
    const axis = letter.dataset.axis.split(',').map(Number);
    const end = axis.map((value, k) => value * (box.half[k] + 0.14 * box.radius));
    const [x, y, z] = rows.map(row => row[0] * end[0] + row[1] * end[1] + row[2] * end[2]);
    const flat = Math.hypot(x, y) / Math.hypot(x, y, z), deep = away - z;
    const inside = share => Math.min(Math.max(share, 4), 96);  // per cent of the stage
    letter.style.left = `${inside(50 + 50 * x * across / deep)}%`;
    letter.style.top = `${inside(50 - 50 * y * up / deep)}%`;
    letter.style.opacity = flat < 0.45 ? 0 : z < -0.3 * box.radius ? 0.45 : 1;
  });
  number(stage, { rows, away, f, aspect });
  panel.dataset.drawn = token;
}
// The voxel (slice, row, column) under a position on the screen; null beside the surfaces.
function voxelUnder(section, { clientX, clientY }) {
  const area = canvas.getBoundingClientRect(), { rows, away, f, aspect } = matrices();
  const eye = [((clientX - area.left) / area.width * 2 - 1) * aspect / f, (1 - (clientY - area.top) / area.height * 2) / f, -1];
  const turned = vector => [0, 1, 2].map(k => rows[0][k] * vector[0] + rows[1][k] * vector[1] + rows[2][k] * vector[2]);
  const from = turned([0, 0, away]).map((value, k) => value + box.middle[k]), along = turned(eye);
  const solid = part => part.shown[3] === 1;
  for (const wanted of [parts.filter(solid), parts.filter(part => !solid(part))]) {
    const distance = Math.min(Infinity, ...wanted.map(part => hitDistance(part, from, along)));
    if (distance === Infinity) continue;
    const depth = distance + INSIDE_M / Math.hypot(...along), hit = along.map((value, k) => from[k] + value * depth);
    return JSON.parse(section.dataset.grid).map(row => row[0] * hit[0] + row[1] * hit[1] + row[2] * hit[2] + row[3]);
  }
  return null;
}

function pick(event) {
  const section = panel.querySelector('[data-mesh]'), voxel = section && box && token === section.dataset.mesh && voxelUnder(section, event);
  if (voxel) document.dispatchEvent(new CustomEvent('ls-point', { detail: voxel }));
}

// Puts the numbers of the lesions at their places.
function number(stage, { rows, away, f, aspect }) {
  stage.querySelectorAll('[data-number]').forEach(one => one.remove());
  for (const [id, ...at] of JSON.parse(stage.closest('[data-mesh]').dataset.lesions)) {
    const [x, y, z] = rows.map(row => row.reduce((sum, value, k) => sum + value * (at[k] - box.middle[k]), 0));
    const one = document.createElement('span');
    one.dataset.number = one.textContent = id;
    one.setAttribute('aria-hidden', 'true');
    one.style.left = `${50 + 50 * x * f / aspect / (away - z)}%`;
    one.style.top = `${50 - 50 * y * f / (away - z)}%`;
    stage.append(one);
  }
}

const repaint = () => { waiting = waiting || requestAnimationFrame(paint); };

const tell = (section, text) => { section.querySelector('.ls-told').textContent = text; };

async function load(section) {
  const asked = section.dataset.mesh;
  if (!canvas) start();
  if (!gl) return tell(section, section.dataset.without);
  const stage = section.querySelector('.ls-stage');
  if (canvas.parentElement !== stage) stage.prepend(canvas);
  if (token === asked) { tell(section, ''); return repaint(); }
  tell(section, section.dataset.computing);
  try {
    const base = (window.gradio_config && window.gradio_config.root) || document.baseURI;
    const answer = await fetch(new URL(`liverseg/mesh/${asked}?lang=${document.documentElement.lang}`, base.replace(/\/*$/, '/')), { cache: 'no-store' });
    if (!section.isConnected || section.dataset.mesh !== asked) return undefined;
    if (!answer.ok) return tell(section, answer.status === 404 || answer.status === 422 ? await answer.text() : section.dataset.failed);
    const made = readGlb(await answer.arrayBuffer());
    parts.forEach(part => part.buffers.forEach(buffer => gl.deleteBuffer(buffer)));
    parts = made.map(part => ({ ...part, shown: [...part.colour.slice(0, 3).map(value => value ** (1 / 2.2)), part.colour[3]] }));
    parts.forEach(send);
    box = parts.length ? boxOf(parts) : null;
    token = asked;
    tell(section, parts.length ? '' : section.dataset.nothing);
    repaint();
  } catch {
    if (section.isConnected) tell(section, section.dataset.failed);
  }
  return undefined;
}

const seen = new IntersectionObserver(entries => entries.forEach(entry => {
  if (!entry.isIntersecting) return;
  seen.unobserve(entry.target);
  load(entry.target);
}), { threshold: SEEN });
const resized = new ResizeObserver(repaint);

function renew() {
  seen.disconnect();
  resized.disconnect();
  delete panel.dataset.drawn;
  const section = panel.querySelector('[data-mesh]');
  if (!section) { token = null; turn = [...START]; zoom = AT_FIRST; return; }
  seen.observe(section);
  resized.observe(section.querySelector('.ls-stage'));
}

const move = (around, tilt) => {
  turn = [turn[0] + around, Math.min(Math.max(turn[1] + tilt, -MOST_TILT), MOST_TILT)];
  repaint();
};
const nearer = factor => {
  const before = zoom;
  zoom = Math.min(Math.max(zoom * factor, SMALLEST), LARGEST);
  repaint();
  return zoom !== before;
};

const fingers = new Map();
let far = 0;
panel.addEventListener('pointerdown', event => {
  if (event.button || !event.target.closest('.ls-stage')) return;
  far = fingers.size ? SLIP_PX : 0;
  fingers.set(event.pointerId, event);
  event.target.closest('.ls-stage').setPointerCapture(event.pointerId);
});
panel.addEventListener('pointermove', event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  fingers.set(event.pointerId, event);
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  far += Math.hypot(dx, dy);
  if (fingers.size === 1) return move(dx * 0.008, dy * 0.008);
  const other = [...fingers.values()].find(one => one.pointerId !== event.pointerId);
  const apart = one => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
  move(dx * 0.004, dy * 0.004);
  return nearer(apart(event) / apart(before));
});
panel.addEventListener('pointerup', event => { if (fingers.has(event.pointerId) && far < SLIP_PX) pick(event); });
for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
  panel.addEventListener(end, event => fingers.delete(event.pointerId));
panel.addEventListener('wheel', event => {
  if (!box || event.ctrlKey || !event.target.closest('.ls-stage')) return;
  if (nearer(Math.exp(-event.deltaY * (event.deltaMode ? 33 : 1) * 0.0012))) event.preventDefault();  // at the end the page scrolls
}, { passive: false });
panel.addEventListener('keydown', event => {
  if (!event.target.closest('.ls-stage') || event.ctrlKey || event.altKey || event.metaKey) return;
  const steps = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
  if (steps) move(...steps);
  else if (event.key === '+' || event.key === '=') nearer(1.2);
  else if (event.key === '-') nearer(1 / 1.2);
  else if (event.key === 'Home') { turn = [...START]; zoom = AT_FIRST; repaint(); }
  else return;
  event.preventDefault();
});
panel.addEventListener('click', event => {
  const button = event.target.closest('button[data-face], button[data-zoom]');
  if (!button) return;
  if (button.dataset.face) turn = [...FACES[button.dataset.face]]; else nearer(Number(button.dataset.zoom));
  repaint();
});

watch('value', renew);
renew();
