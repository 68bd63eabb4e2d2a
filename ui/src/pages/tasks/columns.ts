import type { ListColumn } from '../../lib/list';
import type { TaskInfo } from '../../generated/TaskInfo';
import { missedOf, taskState, taskTrouble, workflowWords } from '../../state/task';

function isoOf(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString();
}

/** Least width of the list that has room for the strip of runs, in CSS px. */
export const RUNS_FROM = 820;

/** What the list of tasks says, and copies and saves. */
export const TASK_COLUMNS: ListColumn<TaskInfo>[] = [
  { id: 'task', label: 'Task', text: (task) => task.name },
  { id: 'id', label: 'Id', hidden: true, text: (task) => task.id },
  { id: 'user', label: 'Made by', hidden: true, text: (task) => task.user },
  { id: 'state', label: 'State', width: 128, narrow: 124, text: (task) => taskState(task).word, key: (task) => taskState(task).rank },
  { id: 'when', label: 'When', hidden: true, text: (task) => task.when },
  { id: 'collect', label: 'Collect, then', width: 176, narrow: 152, from: 600, text: (task) => task.collect.join(' ') },
  { id: 'then', label: 'Then', hidden: true, text: workflowWords },
  { id: 'recent', label: 'Last 30 runs', width: 140, from: RUNS_FROM, fixed: true, text: (task) => task.recent.map(({ outcome }) => outcome).join(' ') },
  { id: 'counts', label: 'Ok / partial / failed', width: 136, narrow: 128, text: (task) => `${task.counts.ok} / ${task.counts.partial} / ${task.counts.failed}`, key: (task) => task.counts.failed * 1e9 + task.counts.partial },
  { id: 'missed', label: 'Missed', hidden: true, text: (task) => String(missedOf(task)) },
  { id: 'last', label: 'Last run', hidden: true, text: (task) => isoOf(task.counts.last_run_ms) },
  { id: 'next', label: 'Next', width: 96, narrow: 96, number: true, text: (task) => isoOf(task.next_run_ms), key: (task) => (task.next_run_ms === null ? null : -task.next_run_ms) },
  { id: 'why', label: 'Why', hidden: true, text: taskTrouble },
];
