// Ways to a lesion: its card, the keys for the next and the previous one, and a click in 3D.
let lesionShown = 0;

function goToLesion(id) {
  const place = drawing && drawing.places.find(one => one[0] === id);
  lesionShown = id;
  if (place && (isDrawn() || count() === 1)) goTo(place[2]);
  else if (count() > 1) { steppedAt = 0; trigger('select', { lesion: id, drawn: isDrawn() }); }
}

function stepLesion(way) {
  const ids = drawing.places.filter(([, kind]) => kind !== 'rejected').map(([id]) => id);
  if (!ids.length) return;
  const at = ids.indexOf(lesionShown);
  goToLesion(ids[at < 0 ? (way > 0 ? 0 : ids.length - 1) : (at + way + ids.length) % ids.length]);
}

document.addEventListener('click', event => {
  if (!event.target.closest || event.target.closest('[data-reject], summary, a')) return;
  const card = shown() && event.target.closest('#ls-results [data-lesion]');
  if (card) goToLesion(Number(card.dataset.lesion));
});

// From solid.js: the voxel under a click in 3D.
document.addEventListener('ls-point', event => {
  if (!shown()) return;
  const sizes = [count(), drawing.rows, drawing.columns];
  goTo(event.detail.map((value, k) => Math.min(Math.max(Math.round(value), 0), sizes[k] - 1)));
});
