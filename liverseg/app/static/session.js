// The page and its server: the key of the result in the address, the line on waiting, a lost or restarted server, what
// is announced, and numbers that do not belong to the sliders any more. `element` holds what the server says.
const POLL_MS = 1000, CHECK_MS = 20000, QUIET_MS = 5000, RESEND_MS = 3000;
const config = window.gradio_config || {};
const base = (config.root || location.origin).replace(/\/*$/, '/');
const SAY = window.liversegTexts.server;
const said = () => (element.querySelector('[data-session]') || { dataset: {} }).dataset;

// The address names the result, so that a reload or a second tab shows it as long as the server holds it.
function keepKey(key) {
  const address = location.pathname + location.search + (key ? '#result=' + key : '');
  if (location.pathname + location.search + location.hash !== address) history.replaceState(history.state, '', address);
  if (window.parent === window) return;
  try { key ? sessionStorage.setItem('liverseg-result', key) : sessionStorage.removeItem('liverseg-result'); } catch { /* blocked */ }
}
let announced = '';
function announce(sentence) {
  const region = document.querySelector('#ls-status[role=status], #ls-status [role=status]');
  if (!region || sentence === announced) return;
  announced = sentence;
  region.textContent = sentence;
}
function heard() {
  const { key, said: sentence } = said();
  if (key === undefined) return;  // the server has said nothing yet
  keepKey(key);
  announce(sentence || '');
}
watch('value', heard);
heard();

// While a run waits or is under way, the server says the place in the queue and the time to expect.
const busy = () => document.querySelector('#ls-cancel[data-busy]');
let polling = false;
setInterval(async () => {
  const line = document.querySelector('#ls-waiting'), { session } = said();
  if (!line || !session || polling) return;
  const text = line.querySelector('[data-place]');
  if (!busy()) { if (text) text.remove(); return; }
  polling = true;
  try {
    const answer = await fetch(new URL(`liverseg/waiting/${session}?lang=${document.documentElement.lang}`, base), { cache: 'no-store' });
    const sentence = answer.ok ? await answer.text() : '';
    const place = text || Object.assign(document.createElement('p'), { className: 'ls-waiting-line' });
    place.dataset.place = '';
    if (place.textContent !== sentence) place.textContent = sentence;
    if (!place.isConnected && busy()) line.append(place);
  } catch { check(); } finally { polling = false; }
}, POLL_MS);

// A restarted server has another identifier and holds nothing of this visitor. Gradio would load the page anew as soon
// as it answers, and what is on the screen would be lost without a word: it is kept from seeing the new identifier.
const realFetch = window.fetch.bind(window);
window.fetch = async (...given) => {
  const address = String((given[0] && given[0].url) || given[0]);
  if (!/\/app_id\/?(\?|$)/.test(address)) return realFetch(...given);
  const answer = await realFetch(...given);
  if (!answer.ok || (await answer.clone().json()).app_id === config.app_id) return answer;
  lose('restarted');
  return new Response('', { status: 503 });
};
let lost = '', checkedAt = 0;
function lose(how) {
  if (lost === how || lost === 'restarted') return;
  lost = how;
  document.querySelectorAll('.ls-lost').forEach(note => note.remove());
  document.documentElement.toggleAttribute('data-lost', Boolean(how));
  if (!how) return;
  const note = Object.assign(document.createElement('div'), { className: 'ls-problem ls-lost', textContent: SAY[how] });
  note.setAttribute('role', 'alert');
  if (how === 'restarted') {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: SAY.reload });
    button.addEventListener('click', () => location.reload());
    note.append(' ', button);
  }
  document.body.prepend(note);
}
async function check() {
  if (Date.now() - checkedAt < QUIET_MS || lost === 'restarted') return;
  checkedAt = Date.now();
  try {
    const prefix = (config.api_prefix || '').replace(/^\//, '');
    const answer = await realFetch(new URL(`${prefix}/app_id`.replace(/^\//, ''), base), { cache: 'no-store' });
    if (!answer.ok) throw new Error(String(answer.status));
    lose((await answer.json()).app_id === config.app_id ? '' : 'restarted');
  } catch { lose('unreachable'); }
}
setInterval(() => { if (lost || document.visibilityState === 'visible') check(); }, CHECK_MS);
setInterval(() => { if (lost === 'unreachable') check(); }, QUIET_MS);
for (const name of ['pointerdown', 'keydown', 'focus', 'online']) window.addEventListener(name, check, true);

// Numbers are dimmed while they belong to another threshold or lesion cut than the sliders and pictures. Where that
// lasts although nothing is under way, the slider's value is sent again, once for each value.
const LEVELS = { 'ls-threshold': 'threshold', 'ls-lesion-cut': 'cut' };
let differsSince = 0, resent = '';
function compare() {
  const results = document.querySelector('#ls-results'), levels = results && results.querySelector('.ls-levels');
  const different = levels && Object.entries(LEVELS).find(([id, name]) => {
    const range = document.querySelector(`#${id} input[type=range]`), number = document.querySelector(`#${id} input[type=number]`);
    if (!range || !number || levels.dataset[name] === undefined || document.activeElement === number) return false;
    return Math.abs(Number(number.value) - Number(levels.dataset[name])) > 1e-6;
  });
  if (results && results.hasAttribute('aria-busy') !== Boolean(different))
    different ? results.setAttribute('aria-busy', 'true') : results.removeAttribute('aria-busy');
  if (!different || busy() || lost) { differsSince = 0; return; }
  differsSince = differsSince || Date.now();
  const number = document.querySelector(`#${different[0]} input[type=number]`), what = different[0] + number.value;
  if (Date.now() - differsSince < RESEND_MS || what === resent) return;
  resent = what;
  number.dispatchEvent(new CustomEvent('input', { bubbles: true, detail: 'commit' }));
}
const soon = () => requestAnimationFrame(compare);
const observer = new MutationObserver(soon);
(function observeNumbers() {  // gradio puts them on the page after this script
  const numbers = document.querySelector('#ls-results');
  if (numbers) observer.observe(numbers, { childList: true, subtree: true });
  else requestAnimationFrame(observeNumbers);
})();
document.addEventListener('input', soon);
setInterval(compare, 500);
