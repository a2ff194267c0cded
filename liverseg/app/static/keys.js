// The list of keys, a dialog that keeps the focus, and the keys themselves. They work while the focus is in the pictures, in
// full screen, and while the pointer is over the pictures and nothing else has the focus.
let keyList = null;

function showKeys() {
  if (!keyList) {
    keyList = document.createElement('dialog');
    keyList.className = 'ls-keys';
    keyList.setAttribute('aria-labelledby', 'ls-keys-title');
    const heading = document.createElement('h2'), table = document.createElement('table'), close = document.createElement('button');
    heading.id = 'ls-keys-title';
    heading.textContent = TEXT.keys_title;
    for (const [keys, meaning] of TEXT.keys) {
      const row = table.insertRow(), head = document.createElement('th');
      head.scope = 'row';
      head.textContent = keys;
      row.append(head);
      row.insertCell().textContent = meaning;
    }
    close.type = 'button';
    close.autofocus = true;
    close.textContent = TEXT.close;
    close.addEventListener('click', () => keyList.close());
    keyList.append(heading, table, close);
  }
  (document.fullscreenElement || document.querySelector('.gradio-container')).append(keyList);
  if (!keyList.open) keyList.showModal();
}

const ACTIONS = {
  n: () => stepLesion(1), p: () => stepLesion(-1), o: () => act('overlay'), t: () => act('truth'), l: () => act('lines'),
  r: () => act('ruler'), e: () => act('ellipse'), f: () => act('full'), 0: () => act('whole'), '?': showKeys,
  Delete: removeLastMeasure, Backspace: removeLastMeasure,
};
const isField = node => node.matches('input:not([type=range]), textarea, select, [contenteditable=true]');

let hovered = false;
for (const root of [viewer, panel]) {
  root.addEventListener('pointerenter', () => { hovered = true; });
  root.addEventListener('pointerleave', () => { hovered = false; });
}

function back() {
  if (cine) return stopCine();
  if (tool) return act(tool);
  return leaveFull();
}

document.addEventListener('keydown', event => {
  const at = event.target, idle = at === document.body || at === document.documentElement;
  if (!shown() || event.ctrlKey || event.altKey || event.metaKey || !at.closest || at.closest('dialog') || isField(at)) return;
  if (!(viewer.contains(at) || panel.contains(at) || isFull() || (idle && hovered))) return;
  if (event.key === 'Escape') return back();
  if (event.key === ' ') {
    if (at.closest('button, a, summary, input')) return;
    event.preventDefault();
    return act('cine');
  }
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action) { event.preventDefault(); return action(); }
  if (at.closest('input') || !(isFull() || at.closest('.ls-cut, [role=slider]'))) return;
  const now = present();
  const to = { ArrowUp: now + 1, ArrowRight: now + 1, ArrowDown: now - 1, ArrowLeft: now - 1, PageUp: now + 10,
    PageDown: now - 10, Home: 0, End: count() - 1 }[event.key];
  if (to === undefined || count() < 2) return;
  event.preventDefault();
  stopCine();
  step(to);
});
