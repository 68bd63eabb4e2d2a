import type { ParentRef } from '../generated/ParentRef';

/** `tern (4127)`, as processes are told apart across hosts. */
const HOST_AND_PID = /^(.+) \((\d+)\)$/;

interface Labelled {
  label_minor: string;
  parents: readonly ParentRef[];
}

/** The process id of a second label that is nothing but host and id; null for any other. */
function pidOf({ label_minor, parents }: Labelled): string | null {
  const [, host, pid] = HOST_AND_PID.exec(label_minor) ?? [];
  return pid && parents.some((parent) => parent.topology === 'hosts' && parent.label === host) ? pid : null;
}

/** The second label where host and process id stand beside it anyway. */
export function minorBeside(node: Labelled): string {
  return pidOf(node) === null ? node.label_minor : '';
}

/** The second label in a box that names the host. */
export function minorInHost(node: Labelled): string {
  const pid = pidOf(node);
  return pid === null ? node.label_minor : `pid ${pid}`;
}
