import type { App } from './app.svelte';

/** True where a letter is text and Space presses something. */
function takesKeys(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return target.closest('input, textarea, select, [contenteditable="true"], [role="menu"], [role="listbox"], [role="dialog"], [role="alertdialog"]') !== null;
}

function isPressed(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a, [role="button"], [role="radio"]') !== null;
}

/** Keys that work everywhere in the window. Returns how to stop. */
export function listenKeys(app: App): () => void {
  const listen = (event: KeyboardEvent) => {
    if (event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      app.paletteOpen = !app.paletteOpen;
      return;
    }
    if (event.ctrlKey && event.code === 'Backquote') {
      event.preventDefault();
      app.toggleTerminals();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || takesKeys(event.target)) return;
    if (event.key === ' ' && isPressed(event.target)) return;
    if (act(app, event)) event.preventDefault();
  };
  window.addEventListener('keydown', listen);
  return () => window.removeEventListener('keydown', listen);
}

const ZOOM_STEP = 1.25;

/** Does what a key asks for; false when it asks for nothing. */
function act(app: App, event: KeyboardEvent): boolean {
  switch (event.key) {
    case '/':
      app.focusSearch();
      return true;
    case '?':
      app.helpOpen = true;
      return true;
    case 'Escape':
      return backOut(app);
    case ' ':
      app.togglePause();
      return true;
    case 'l':
      app.goLive();
      return true;
    case '[':
    case ']':
      stepEvent(app, event.key === '[' ? -1 : 1);
      return true;
  }
  return app.place.page === 'map' && actOnMap(app, event);
}

function actOnMap(app: App, event: KeyboardEvent): boolean {
  switch (event.key) {
    case 'g':
      app.router.go({ mode: 'graph' });
      return true;
    case 't':
      app.router.go({ mode: 'table' });
      return true;
    case 'f':
    case '0':
      app.map?.fit();
      return true;
    case '+':
    case '=':
      app.map?.zoomBy(ZOOM_STEP);
      return true;
    case '-':
      app.map?.zoomBy(1 / ZOOM_STEP);
      return true;
    case '<':
    case '>':
      nextFill(app, event.key === '<' ? -1 : 1);
      return true;
    case 'c':
      app.toggleCompare();
      return true;
    case 'q':
      app.router.go({ fill: '' });
      return true;
    case 'R':
      void app.rearrange();
      return true;
    default:
      return false;
  }
}

/** Escape closes what was opened last. */
function backOut(app: App): boolean {
  const { place, router } = app;
  if (app.historyOf) app.historyOf = null;
  else if (place.page === 'services' && place.service) router.go({ service: '' });
  else if (place.page === 'catalog' && place.metric) router.go({ metric: '' });
  else if (place.page === 'tasks' && place.task) router.go({ task: '' });
  else if (place.page !== 'map') router.go(place.page === 'plugins' && place.plugin ? { plugin: '', tab: '' } : { page: 'map' });
  else if (place.cards.length > 0) router.pop();
  else if (place.base !== null) router.go({ base: null });
  else if (place.find !== '') router.go({ find: '' }, true);
  else return false;
  return true;
}

function stepEvent(app: App, direction: -1 | 1): void {
  const event = app.timeline.step(app.place.at ?? app.clock.now, direction);
  if (event && app.isRecorded(event.at_ms)) app.pickMoment(event.at_ms);
  else if (direction > 0) app.goLive();
}

function nextFill(app: App, step: -1 | 1): void {
  const labels = [...new Set(app.view.metrics.map((metric) => metric.label))];
  if (labels.length === 0) return;
  const at = labels.findIndex((label) => label.toLowerCase() === app.place.fill.toLowerCase());
  const next = at < 0 ? 0 : (at + step + labels.length) % labels.length;
  app.router.go({ fill: labels[next] ?? '' });
}
