import { type CardRef, defaultPlace, formatPlace, MAX_CARDS, NO_LIST, parsePlace, type Place, setOption } from './route';

/** Where the window is, kept in the address so that back, forward, reload and links work. */
export class Router {
  place = $state.raw<Place>(defaultPlace());

  constructor() {
    this.place = parsePlace(window.location.hash);
  }

  /** Follows back and forward. Returns how to stop. */
  listen(): () => void {
    const follow = () => {
      this.place = parsePlace(window.location.hash);
    };
    window.addEventListener('popstate', follow);
    window.addEventListener('hashchange', follow);
    return () => {
      window.removeEventListener('popstate', follow);
      window.removeEventListener('hashchange', follow);
    };
  }

  /** Changes the place; `quiet` changes (typing, sorting) make no entry to go back to. */
  go(change: Partial<Place>, quiet = false): void {
    const turned = change.page !== undefined && change.page !== this.place.page;
    const next = { ...this.place, ...(turned ? NO_LIST : {}), ...change };
    const hash = formatPlace(next);
    this.place = next;
    if (hash === window.location.hash) return;
    if (quiet) window.history.replaceState(null, '', hash);
    else window.history.pushState(null, '', hash);
  }

  /** Opens a card from the map or the table: the stack begins anew. */
  open(card: CardRef): void {
    const { cards } = this.place;
    if (cards.length === 1 && cards[0]?.id === card.id) return;
    this.go({ page: 'map', cards: [card] });
  }

  /** Opens a card from a card: it goes on top. */
  push(card: CardRef): void {
    if (this.top?.id === card.id) return;
    this.go({ page: 'map', cards: [...this.place.cards, card].slice(-MAX_CARDS) });
  }

  pop(): void {
    this.go({ cards: this.place.cards.slice(0, -1) });
  }

  closeCards(): void {
    if (this.place.cards.length > 0) this.go({ cards: [] });
  }

  get top(): CardRef | null {
    return this.place.cards.at(-1) ?? null;
  }

  setOption(topology: string, option: string, value: string): void {
    const next = { options: this.place.options };
    setOption(next, topology, option, value);
    this.go(next);
  }

  setAt(at: number | null): void {
    this.go({ at: at === null ? null : Math.round(at) });
  }

  pin(query: string): void {
    const text = query.trim();
    if (text === '') return;
    const chips = this.place.chips.includes(text) ? this.place.chips : [...this.place.chips, text];
    this.go({ chips, find: '' });
  }

  unpin(index: number): void {
    this.go({ chips: this.place.chips.filter((_, at) => at !== index) });
  }
}
