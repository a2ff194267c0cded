// Plays the slices one after another. A slice that has not arrived is waited for.
const CINE_MS = 125;
let cine = null;

function playOn() {
  if (!shown() || !isDrawn()) return stopCine();
  const next = (drawnSlice + 1) % count();
  if (has(next)) show(next); else look(next);
  return undefined;
}

function startCine() {
  if (cine || count() < 2 || !isDrawn()) return;
  cine = setInterval(playOn, CINE_MS);
  showTools();
}

function stopCine() {
  if (!cine) return;
  clearInterval(cine);
  cine = null;
  step(drawnSlice ?? target);
  showTools();
}
