// The number beside a slider: what is typed takes effect on Enter or when the field is left, within the slider's range.
// Gradio alone would send every keystroke. If the text is not a number, the previous number is restored.
const numberOf = node => node instanceof HTMLInputElement && node.type === 'number' && rangeOf(node) ? node : null;
function rangeOf(number) {
  const wrap = number.closest('.wrap');
  return wrap && wrap.querySelector('input[type=range]');
}

window.addEventListener('input', event => {
  if (event.detail !== 'commit' && numberOf(event.target)) event.stopImmediatePropagation();
}, true);

function commit(number) {
  const before = Number(rangeOf(number).value), typed = number.value === '' ? NaN : Number(number.value);
  if (!Number.isFinite(typed)) { number.value = String(before); return; }
  let value = Math.min(Math.max(typed, Number(number.min)), Number(number.max));
  if (Number(number.step) >= 1) value = Math.round(value);
  number.value = String(value);
  if (value !== before) number.dispatchEvent(new CustomEvent('input', { bubbles: true, detail: 'commit' }));
}
for (const name of ['change', 'focusout'])
  window.addEventListener(name, event => { if (numberOf(event.target)) commit(event.target); }, true);
