// Another language: chosen in the footer, or in gradio's settings. The page is loaded anew in it and keeps its result.
const speakIn = tag => {
  const address = new URL(location.href);
  address.searchParams.set('lang', tag);
  if (address.href !== location.href) location.assign(address);
};
document.addEventListener('click', event => {
  const link = event.target.closest && event.target.closest('a[data-language]');
  if (!link) return;
  event.preventDefault();
  speakIn(link.dataset.language);
});
const served = navigator.language;
new MutationObserver(() => {
  const { lang } = document.documentElement;
  if (lang && lang !== served) speakIn(lang);
}).observe(document.documentElement, { attributes: true, attributeFilter: ['lang'] });
