import { elementScroll, observeElementOffset, observeElementRect, type VirtualItem, Virtualizer } from '@tanstack/virtual-core';

/** Rows drawn beyond the edge, so that quick scrolling shows no gap. */
const SPARE = 8;

/** What a list is at the moment. */
export interface Extent {
  count: number;
  /** Height of a row in CSS px. */
  height: (at: number) => number;
  /** Where the first row begins in what scrolls, in CSS px. */
  margin: number;
  /** What stays at the top of what scrolls and hides rows, in CSS px. */
  covered: number;
}

/** The rows of a long list that are in sight, as TanStack Virtual has it. */
export class VirtualRows {
  #seen = $state.raw(0);
  #core: Virtualizer<HTMLElement, HTMLElement>;

  constructor(scroller: () => HTMLElement | null) {
    this.#core = new Virtualizer({
      count: 0,
      getScrollElement: scroller,
      estimateSize: () => 0,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      overscan: SPARE,
      onChange: () => {
        this.#seen += 1;
      },
    });
  }

  /** Begins to look at what scrolls. Returns how to stop. */
  mount(): () => void {
    const stop = this.#core._didMount();
    this.#core._willUpdate();
    return stop;
  }

  /** Rows in sight, and the room before and after them in CSS px. */
  show({ count, height, margin, covered }: Extent): { items: VirtualItem[]; before: number; after: number } {
    void this.#seen;
    // A new function for keys has every row measured anew.
    this.#core.setOptions({ ...this.#core.options, count, estimateSize: height, scrollMargin: margin, scrollPaddingStart: covered, getItemKey: (at) => at });
    const items = this.#core.getVirtualItems();
    const before = (items[0]?.start ?? margin) - margin;
    const after = Math.max(0, this.#core.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin));
    return { items, before, after };
  }

  /** Rows that fit in sight at once. */
  page(height: number): number {
    return Math.max(1, Math.floor((this.#core.scrollRect?.height ?? height) / height) - 1);
  }

  reveal(at: number): void {
    this.#core.scrollToIndex(at, { align: 'auto' });
  }
}
