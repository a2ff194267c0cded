"""The settings of the page as a drawer, which they are on a screen too narrow for three columns."""

from __future__ import annotations

from liverseg.app.text.catalogue import say


def button() -> str:
    """Opens the drawer; the style sheet shows it on a narrow screen with a result only."""
    return (
        '<button type="button" class="ls-drawer-button" data-drawer aria-controls="ls-controls" '
        f'aria-expanded="false">{say("drawer.settings")}</button>'
    )


def head() -> str:
    """The head of the open drawer."""
    return (
        f'<div class="ls-drawer-head"><h2>{say("drawer.settings")}</h2>'
        f'<button type="button" data-drawer-close>{say("close")}</button></div>'
    )


DRAWER_JS = """
const controls = () => element.closest('#ls-controls') || document.querySelector('#ls-controls');
const button = () => document.querySelector('[data-drawer]');
const isOpen = () => 'open' in controls().dataset;
const set = open => {
  if (open) controls().dataset.open = ''; else delete controls().dataset.open;
  (open ? controls().querySelector('[data-drawer-close]') : button()).focus({ preventScroll: true });
};
document.addEventListener('click', event => {
  if (!event.target.closest) return;
  if (event.target.closest('[data-drawer]')) set(!isOpen());
  else if (event.target.closest('[data-drawer-close]')) set(false);
});
document.addEventListener('keydown', event => { if (event.key === 'Escape' && isOpen()) set(false); });
new MutationObserver(() => button().setAttribute('aria-expanded', String(isOpen())))
  .observe(controls(), { attributes: true, attributeFilter: ['data-open'] });
"""
"""Opens and closes the drawer; `data-open` on `#ls-controls` says that it is open."""
