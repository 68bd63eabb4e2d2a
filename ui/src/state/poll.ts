/** Asks again and again, never twice at once, and not while nobody looks. */
export class Poll {
  #ask: () => Promise<void>;
  #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #again = false;
  #stopped = true;

  constructor(ask: () => Promise<void>, everyMs: number) {
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    document.addEventListener('visibilitychange', this.#seen);
    this.refresh();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#seen);
  }

  /** Asks now; when an answer is on its way, once more after it. */
  refresh(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    void this.#run();
  }

  #seen = () => {
    if (!document.hidden) this.refresh();
  };

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#ask();
    } finally {
      this.#running = false;
      if (!this.#stopped) {
        const wait = this.#again ? 0 : this.#everyMs;
        this.#again = false;
        if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), wait);
      }
    }
  }
}
