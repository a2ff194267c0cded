// The toolbar of the pictures: what its buttons do, and which of them are on.
const NEEDS_DRAWING = ['overlay', 'truth', 'ruler', 'ellipse', 'cine'];  // only where the browser draws

function act(name) {
  if (!shown() || (NEEDS_DRAWING.includes(name) && !isDrawn())) return;
  if (name === 'next' || name === 'previous') stepLesion(name === 'next' ? 1 : -1);
  else if (name === 'overlay') { showsOverlay = !showsOverlay; redraw(); }
  else if (name === 'truth') { showsTruth = drawing.truth && !showsTruth; redraw(); }
  else if (name === 'lines') panel.dataset.lines = panel.dataset.lines === 'off' ? 'on' : 'off';
  else if (name === 'ruler' || name === 'ellipse') tool = tool === name ? null : name;
  else if (name === 'clear') removeMeasures(one => !isShown(one));
  else if (name === 'cine') (cine ? stopCine : startCine)();
  else if (name === 'whole') showWhole(Object.keys(zooms));
  else if (name === 'full') { if (isFull()) leaveFull(); else enterFull(null); }
  else if (name === 'keys') showKeys();
  showTools();
}

// Shows on the buttons what is on and what can be used.
function showTools() {
  const lines = panel.dataset.lines !== 'off', drawn = isDrawn(), zoomed = Object.keys(zooms).some(isZoomed);
  viewer.dataset.lines = lines ? 'on' : 'off';
  for (const root of [viewer, panel]) root.dataset.tool = tool || '';
  figures().forEach(figure => {
    figure.dataset.zoomed = isZoomed(figure.dataset.plane) ? 'yes' : 'no';
    figure.classList.toggle('ls-alone', isFull() && nameOfFigure(figure) === screenRoot.dataset.alone);
  });
  const on = { overlay: overlayShown(), truth: showsTruth, lines, ruler: tool === 'ruler', ellipse: tool === 'ellipse', cine: Boolean(cine), full: isFull() };
  const useful = { whole: zoomed, clear: Boolean(shown() && measures.some(isShown)), next: drawing && drawing.places.length > 0 };
  useful.previous = useful.next;
  [viewer, panel].forEach(root => root.querySelectorAll('[data-tool]').forEach(button => {
    const { tool: name } = button.dataset;
    if (button.hasAttribute('aria-pressed')) button.setAttribute('aria-pressed', String(on[name]));
    button.disabled = (NEEDS_DRAWING.includes(name) && !drawn) || useful[name] === false;
    if (name === 'cine') button.setAttribute('aria-label', cine ? TEXT.stop : TEXT.play);
  }));
  panel.querySelectorAll('button[data-lines]').forEach(button => button.setAttribute('aria-pressed', String(lines)));
  if (!shown()) return;
  const slider = viewer.querySelector('.ls-full-bar input');
  if (slider) slider.value = target + 1;
  viewer.querySelectorAll('[data-preset]').forEach(button => {
    const [center, width] = STYLE.presets[button.dataset.preset];
    button.setAttribute('aria-pressed', String(drawing.center === center && drawing.width === width));
  });
}

for (const root of [viewer, panel]) root.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button || !shown()) return;
  if (button.dataset.tool) act(button.dataset.tool);
  else if (button.matches('[data-lines]')) act('lines');
  else if (button.dataset.preset) { setWindow(...STYLE.presets[button.dataset.preset]); send(); }
  else if (button.matches('.ls-grow')) (isFull() ? choose : enterFull)(button.closest('figure'));
});
viewer.addEventListener('input', event => {
  if (event.target.matches('.ls-full-bar input')) step(Number(event.target.value) - 1);
});

sync();
