import { toApiError } from '../../backend/backend';
import { counted } from '../../format/number';
import type { TaskInfo } from '../../generated/TaskInfo';
import type { App } from '../../state/app.svelte';

/** Orders something of a task, and says how it went. */
export async function order(app: App, task: TaskInfo, verb: 'start' | 'stop' | 'enable', done: string): Promise<void> {
  try {
    await app.tasks.order(task.id, verb);
    app.say(done);
  } catch (thrown) {
    app.say(toApiError(thrown).message, true, task.id);
  }
}

/** Runs a task once, and says what came of it. */
export async function runOnce(app: App, task: TaskInfo): Promise<void> {
  try {
    const { outcome, why, samples } = await app.tasks.run(task.id);
    if (outcome !== 'ok') app.say(`${task.name} ran: ${outcome}. ${why}`, true, task.id);
    else app.say(`${task.name} ran: ${counted(samples, 'value')}.`, false, task.id);
  } catch (thrown) {
    app.say(toApiError(thrown).message, true, task.id);
  }
}

/** Asks, and removes a task. */
export function askRemove(app: App, task: TaskInfo): void {
  app.ask({
    title: `Remove ${task.name} from ${app.live.status?.hostname ?? 'this machine'}?`,
    body: 'It runs no more, and what was counted of it is gone. What it has published stays where it is.',
    verb: 'Remove task',
    run: () => void remove(app, task),
  });
}

async function remove(app: App, task: TaskInfo): Promise<void> {
  try {
    await app.tasks.remove(task.id);
    app.router.go({ task: '' });
    app.say(`Removed ${task.name}.`);
  } catch (thrown) {
    app.say(toApiError(thrown).message, true);
  }
}
