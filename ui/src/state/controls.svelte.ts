import type { Api } from '../backend/api';
import { toApiError } from '../backend/backend';
import type { ControlOutcome } from '../generated/ControlOutcome';
import type { DetailControl } from '../generated/DetailControl';

/** A press of a control, from the moment it was pressed until its result was read. */
export interface Press {
  key: number;
  node: string;
  control: string;
  /** Text on the button. */
  human: string;
  state: 'pending' | 'done' | 'failed';
  /** What became of it. */
  text: string;
}

/** Results kept when nobody reads them. */
const MAX_PRESSES = 50;

/** Controls that were pressed: which run, and what became of the others. */
export class Controls {
  presses = $state.raw<Press[]>([]);
  #api: Api;
  #next = 1;

  constructor(api: Api) {
    this.#api = api;
  }

  pending(node: string, control: string): boolean {
    return this.presses.some((press) => press.node === node && press.control === control && press.state === 'pending');
  }

  of(node: string): Press[] {
    return this.presses.filter((press) => press.node === node && press.state !== 'pending');
  }

  /** Runs a control. Resolves to its outcome, or null when it failed; the reason is kept until read. */
  async press(node: string, control: DetailControl): Promise<ControlOutcome | null> {
    if (this.pending(node, control.id)) return null;
    const key = this.#next++;
    const others = this.presses.filter((press) => !(press.node === node && press.control === control.id));
    const press: Press = { key, node, control: control.id, human: control.human, state: 'pending', text: '' };
    this.presses = [...others, press].slice(-MAX_PRESSES);
    try {
      const outcome = await this.#api.control(node, control.id);
      this.#finish(key, 'done', outcomeText(outcome));
      return outcome;
    } catch (thrown) {
      this.#finish(key, 'failed', toApiError(thrown).message);
      return null;
    }
  }

  dismiss(key: number): void {
    this.presses = this.presses.filter((press) => press.key !== key);
  }

  dismissDone(node: string, control: string): void {
    this.presses = this.presses.filter((press) => press.node !== node || press.control !== control || press.state !== 'done');
  }

  #finish(key: number, state: Press['state'], text: string): void {
    this.presses = this.presses.map((press) => (press.key === key ? { ...press, state, text } : press));
  }
}

function outcomeText(outcome: ControlOutcome): string {
  const took = `Done in ${outcome.took_ms} ms.`;
  if (outcome.value === null || outcome.value === undefined) return took;
  const value = typeof outcome.value === 'string' ? outcome.value : JSON.stringify(outcome.value);
  return `${took} Answer: ${value.length > 400 ? `${value.slice(0, 400)}…` : value}`;
}
