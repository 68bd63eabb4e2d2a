import type { Place } from './route';

/** What a browser may refuse to keep; the window works without. */
function load<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(`orrery.${key}`);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(`orrery.${key}`, JSON.stringify(value));
  } catch {
    // Private windows and full disks refuse; the choice then lasts as long as the window.
  }
}

export type ThemeChoice = 'system' | 'dark' | 'light';

/** A place worth coming back to. */
export interface SavedView {
  name: string;
  place: Pick<Place, 'topology' | 'options' | 'chips' | 'group' | 'mode' | 'fill' | 'sort'>;
}

/** Saved views kept; more would not fit the rail. */
export const MAX_SAVED_VIEWS = 24;

/** Choices that belong to this person on this machine, not to the place. */
export class Prefs {
  themeChoice = $state<ThemeChoice>(load('theme', 'system'));
  saved = $state.raw<SavedView[]>(load<SavedView[]>('saved', []));
  /** Length of the timeline, in milliseconds; 0 where nobody chose one. */
  timelineMs = $state(load('timeline', 0));
  /** Hidden columns of the table by topology. */
  hiddenColumns = $state.raw<Record<string, string[]>>(load('columns', {}));
  /** Details of a plugin lie over the list and take its room. */
  wideDetail = $state(load('wide', false));
  /** Terminals also speak to screen readers, which costs time with much output. */
  readAloud = $state(load('aloud', false));
  /** Alerts pop up as notifications of the browser, where it lets them. */
  notify = $state(load('notify', false));
  #systemDark = $state(true);

  constructor() {
    const query = window.matchMedia('(prefers-color-scheme: dark)');
    this.#systemDark = query.matches;
    query.addEventListener('change', (event) => {
      this.#systemDark = event.matches;
    });
  }

  get theme(): 'dark' | 'light' {
    if (this.themeChoice !== 'system') return this.themeChoice;
    return this.#systemDark ? 'dark' : 'light';
  }

  /** The other one; back to the system's where that is the same. */
  toggleTheme(): void {
    const wanted = this.theme === 'dark' ? 'light' : 'dark';
    const system = this.#systemDark ? 'dark' : 'light';
    this.themeChoice = wanted === system ? 'system' : wanted;
    save('theme', this.themeChoice);
  }

  setTimeline(ms: number): void {
    this.timelineMs = ms;
    save('timeline', ms);
  }

  setWideDetail(wide: boolean): void {
    this.wideDetail = wide;
    save('wide', wide);
  }

  setReadAloud(on: boolean): void {
    this.readAloud = on;
    save('aloud', on);
  }

  setNotify(on: boolean): void {
    this.notify = on;
    save('notify', on);
  }

  saveView(view: SavedView): void {
    this.saved = [...this.saved.filter((entry) => entry.name !== view.name), view].slice(-MAX_SAVED_VIEWS);
    save('saved', this.saved);
  }

  forgetView(name: string): void {
    this.saved = this.saved.filter((entry) => entry.name !== name);
    save('saved', this.saved);
  }

  setHiddenColumns(topology: string, hidden: string[]): void {
    this.hiddenColumns = { ...this.hiddenColumns, [topology]: hidden };
    save('columns', this.hiddenColumns);
  }
}
