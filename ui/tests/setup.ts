import { configure } from '@testing-library/svelte';

// Patience for a machine that does other things too; what is there at once is found at once.
configure({ asyncUtilTimeout: 15_000 });

/** What jsdom lacks and the window relies on. */
if (!('ResizeObserver' in globalThis)) {
  globalThis.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  } as unknown as typeof ResizeObserver;
}
if (typeof window.matchMedia !== 'function') {
  window.matchMedia = (query: string) =>
    ({ matches: false, media: query, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList;
}
if (typeof Element.prototype.scrollTo !== 'function') {
  Element.prototype.scrollTo = () => {};
}
// Nothing has a size in jsdom; what scrolls a list has one here, so that its rows are in sight.
const HEIGHT = 4000;
Object.defineProperty(HTMLElement.prototype, 'clientHeight', {
  configurable: true,
  get(this: HTMLElement) {
    return this.matches('main, .table') ? HEIGHT : 0;
  },
});
