import { describe, expect, it } from 'vitest';

import { eventLook, eventText, kindOfId, nodeOf, withoutEndedOrders } from '../src/format/event';
import type { Event } from '../src/generated/Event';
import { ICONS } from '../src/icons/paths';
import { folded } from '../src/state/fold';

/** Everything the supervisor and the manager tell of. */
const KINDS =
  'started stale failed control info running exited unresponsive recovered backoff crash_loop not_startable left completed execution_failed limit_exceeded throttled health_changed candidate_failed promoted revision_ready plugin_found plugin_gone package_rejected quarantine state_set_aside'.split(
    ' ',
  );
const ORDERS = 'install upgrade rollback remove start stop restart enable disable configure dismiss'.split(' ');

function event(id: number, kind: string, text = '', subject = 'plugin:a'): Event {
  return { id, at_ms: id, kind, subject, label: 'a', text, user: '' };
}

describe('events', () => {
  it('know the node that they are about, and its kind by its id', () => {
    const subjects = ['alert', '', 'history', 'plugins', 'plugin:a', 'task:01', 'task-file:a.yaml'];
    expect(subjects.map((subject) => nodeOf({ subject }))).toEqual(subjects.map(() => null));
    expect(nodeOf({ subject: 'vm;41' })).toBe('vm;41');
    expect(['vm;41', 'vm;<host>', 'abc;<container>', 'who;knows'].map(kindOfId)).toEqual(['process', 'host', 'container', '']);
  });

  it('of one title and node are folded, of two titles are not', () => {
    const alert = (id: number, label: string): Event => ({ id, at_ms: id, kind: 'alert', subject: 'vm;41', label, text: 'CPU is 91 %, above 90 %', user: '' });
    const all = [alert(4, 'CPU'), alert(3, 'Memory'), alert(2, 'CPU'), alert(1, 'Memory')];
    expect(folded(all).length).toBe(4);
    const more = [...all, alert(0, 'CPU'), alert(-1, 'CPU')];
    expect(folded(more).map((fold) => fold.event.label)).toEqual(['CPU', 'Memory', 'Memory']);
  });

  it('have a mark and a word of their own, whatever is told', () => {
    for (const kind of [...KINDS, ...ORDERS.flatMap((order) => ['requested', 'done', 'failed', 'cancelled'].map((end) => `${order}_${end}`))]) {
      const look = eventLook(kind);
      expect(Object.hasOwn(ICONS, look.icon), kind).toBe(true);
      expect(look.word, kind).not.toContain('_');
      expect(look.word, kind).not.toBe('');
    }
    // What nobody has heard of is called what it is called.
    expect(eventLook('brand_new')).toMatchObject({ word: 'Brand new', tone: 'quiet', group: 'info' });
    expect(eventLook('constructor').tone).toBe('quiet');
  });

  it('that are bad stand out', () => {
    const bad = KINDS.filter((kind) => eventLook(kind).tone === 'error');
    expect(bad).toEqual(['failed', 'unresponsive', 'crash_loop', 'not_startable', 'execution_failed', 'limit_exceeded', 'candidate_failed', 'package_rejected', 'quarantine']);
    expect(bad.every((kind) => eventLook(kind).group === 'failure')).toBe(true);
    expect(eventLook('upgrade_failed')).toMatchObject({ tone: 'error', group: 'failure', icon: 'download' });
    const health = (text: string) => eventLook('health_changed', text).tone;
    expect(['Its health is degraded: slow.', 'Its health is failing.', 'Its health is ok.', 'Its health is.'].map(health)).toEqual(['warn', 'error', 'ok', 'busy']);
    expect(eventLook('exited', 'It was ended as ordered.').tone).toBe('quiet');
    expect(eventLook('exited', 'It exited with code 7.').tone).toBe('warn');
    expect(eventLook('upgrade_done')).toMatchObject({ tone: 'ok', group: 'order' });
  });

  it('say a sentence, and keep what the program wrote apart', () => {
    expect(eventText(event(1, 'exited', 'It exited with code 7.\nlamp starts\npanicked'))).toEqual({ said: 'It exited with code 7.', output: ['lamp starts', 'panicked'] });
    expect(eventText(event(1, 'upgrade_requested', 'ordered')).said).toBe('Upgrade ordered.');
    expect(eventText(event(1, 'stop_done', 'done')).said).toBe('Stop done.');
    expect(eventText(event(1, 'install_failed', 'No room.')).said).toBe('Install failed: No room.');
    expect(eventText(event(1, 'control', 'Light: done in 2 ms')).said).toBe('Light: done in 2 ms.');
  });

  it('leave out orders whose end is told', () => {
    const list = [event(6, 'stop_requested'), event(5, 'upgrade_failed'), event(4, 'upgrade_requested', '', 'plugin:b'), event(3, 'upgrade_requested'), event(2, 'install_done'), event(1, 'install_requested')];
    expect(withoutEndedOrders(list).map(({ id }) => id)).toEqual([6, 5, 4, 2]);
    // What a package is turns out on the way.
    const unknown = [event(3, 'upgrade_done'), event(2, 'install_done', '', 'plugin:b'), event(1, 'install_requested', '', 'plugins'), event(0, 'install_requested', '', 'plugins')];
    expect(withoutEndedOrders(unknown).map(({ id }) => id)).toEqual([3, 2]);
  });

  it('on the way to the end of an order stand under it', () => {
    const list = [event(5, 'upgrade_done'), event(4, 'promoted'), event(3, 'running', '', 'plugin:b'), event(2, 'revision_ready')];
    expect(folded(list).map((fold) => [fold.event.id, fold.older.map(({ id }) => id)])).toEqual([
      [5, [4, 2]],
      [3, []],
    ]);
  });
});

describe('notices', () => {
  it('stand one above the other, and are not said twice', async () => {
    const [{ App }, { FakeBackend }] = await Promise.all([import('../src/state/app.svelte'), import('../src/backend/fake/fake')]);
    const app = new App(new FakeBackend());
    for (const text of ['a', 'b', 'a', 'c', 'd']) app.say(text, true);
    expect(app.notices.map(({ text }) => text)).toEqual(['a', 'c', 'd']);
    app.say('e', false, 'c');
    expect(app.notices.map(({ text }) => text)).toEqual(['a', 'd', 'e']);
    app.dismissNotice(app.notices[1]?.key ?? 0);
    expect(app.notices.map(({ text }) => text)).toEqual(['a', 'e']);
  });
});
