// Full screen: the pictures with their tools, slice and window, and a button back. Where the browser refuses the full screen,
// the pictures fill the window, or in a frame as high as its content a part of it that fits a screen.
const screenRoot = document.querySelector('#ls-middle') || viewer.parentElement;
const isFull = () => screenRoot.classList.contains('ls-full');
let leftFrom = null, leftAt = 0;

function fit() {
  const framed = screenRoot.matches('.ls-filling') && window.innerHeight > window.screen.height;
  screenRoot.style.setProperty('--ls-high', `${Math.round(framed ? window.screen.height * 0.85 : window.innerHeight)}px`);
  screenRoot.style.setProperty('--ls-top', framed ? `${Math.max(0, Math.round(leftAt))}px` : '0px');
  redraw();
}

async function enterFull(figure) {
  if (!shown()) return;
  leftFrom = document.activeElement;
  leftAt = viewer.getBoundingClientRect().top;
  screenRoot.classList.add('ls-full');
  screenRoot.dataset.alone = nameOfFigure(figure);
  try {
    await screenRoot.requestFullscreen();
  } catch {
    screenRoot.classList.add('ls-filling');
  }
  showTools();
  fit();
  const cut = figures().map(one => one.querySelector('.ls-cut')).find(one => one.clientWidth);
  if (cut) cut.focus({ preventScroll: true });
}

// The name of the figure that is shown alone; "" for all figures.
const nameOfFigure = figure => figure ? figure.dataset.picture || figure.dataset.plane : '';
function choose(figure) {
  screenRoot.dataset.alone = screenRoot.dataset.alone ? '' : nameOfFigure(figure);
  showTools();
  redraw();
}

function leaveFull() {
  if (!isFull()) return;
  screenRoot.classList.remove('ls-full', 'ls-filling');
  screenRoot.dataset.alone = '';
  if (document.fullscreenElement) document.exitFullscreen();
  if (leftFrom && leftFrom.isConnected) leftFrom.focus({ preventScroll: true });
  redraw();
  showTools();
}

document.addEventListener('fullscreenchange', () => {
  if (!document.fullscreenElement && !screenRoot.classList.contains('ls-filling')) leaveFull();
  else if (isFull()) fit();
});
window.addEventListener('resize', () => { if (isFull()) fit(); });
