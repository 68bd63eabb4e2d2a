import { describe, expect, it } from 'vitest';

import { cell } from '../src/format/cell';
import { fact, factLabel, isNameNumber, isTypable, sortKey } from '../src/format/fact';
import { byteRate, count, counted, duration, fileSize, metricValue, percent, plain, tidySize } from '../src/format/number';
import { statusReason } from '../src/format/plugin';
import { ago, clock, longSpan, moment, span } from '../src/format/time';

/** The spaces within figures are written as plain ones here. */
function check(cases: [got: string, wanted: string][]): void {
  for (const [got, wanted] of cases) expect(got.replaceAll(/[\u2005\u2009]/g, ' ')).toBe(wanted);
}

const MIB = 1024 ** 2;

describe('numbers', () => {
  it('have three significant digits and one decimal at most', () => {
    check([
      [percent(63.21), '63.2 %'],
      [percent(0), '0.0 %'],
      [percent(100), '100.0 %'],
      [percent(1250), '1 250 %'],
      [fileSize(418 * MIB), '418 MB'],
      [fileSize(14.6 * MIB), '14.6 MB'],
      [fileSize(1.8 * 1024 ** 3), '1.8 GB'],
      [fileSize(1023 * MIB), '1.0 GB'],
      [fileSize(0), '0 B'],
      [fileSize(-2048), '−2.0 kB'],
      [tidySize(1024 ** 3), '1 GB'],
      [tidySize(10.5 * MIB), '10.5 MB'],
      [byteRate(3_400_000), '3.4 MB/s'],
      [byteRate(96_000), '96 kB/s'],
      [byteRate(2_100), '2.1 kB/s'],
      [byteRate(999_600), '1.0 MB/s'],
      [count(20_881), '20 881'],
      [count(1_204_000), '1 204 000'],
      [plain(2.314), '2.31'],
      [plain(0), '0'],
      [plain(0.004), '0.004'],
      [plain(12_345.6), '12 346'],
    ]);
  });

  it('follow the metric’s format', () => {
    check([
      [metricValue(63.2, 'percent'), '63.2 %'],
      [metricValue(2048, 'filesize', 'docker_memory_usage'), '2.0 kB'],
      [metricValue(2000, 'filesize', 'bytes_per_s'), '2.0 kB/s'],
      [metricValue(12.7, 'integer'), '13'],
      [metricValue(182_340, 'duration'), '2 d 2 h'],
      [metricValue(12.5, 'number', 'http_requests_per_second'), '12.5/s'],
      [metricValue(null, 'percent'), '–'],
      [metricValue(Number.NaN, 'percent'), '–'],
    ]);
  });

  it('count nouns', () => {
    check([
      [counted(1, 'node'), '1 node'],
      [counted(2, 'process', 'processes'), '2 processes'],
    ]);
  });
});

describe('times', () => {
  const noon = new Date(2026, 10, 20, 12, 0, 0).getTime();

  it('name one unit or two', () => {
    check([
      [span(4_200), '4 s'],
      [span(12 * 60_000), '12 min'],
      [span(50 * 3_600_000), '2 d'],
      [span(-5), '0 s'],
      [longSpan(252_000), '4 min 12 s'],
      [longSpan(3 * 3_600_000), '3 h'],
      [ago(noon - 500, noon), 'now'],
      [ago(noon - 120_000, noon), '2 min ago'],
      [duration(0.64), '640 ms'],
      [duration(0.00025), '250 µs'],
      [duration(0), '0 ms'],
      [duration(743), '12 min'],
      [duration(125), '2 min 5 s'],
    ]);
  });

  it('name the day where it is another', () => {
    expect(clock(noon)).toBe('12:00:00');
    expect(moment(noon, noon + 1000)).toBe('12:00:00');
    expect(moment(noon, noon + 86_400_000)).toBe('20 Nov 12:00');
  });
});

describe('facts', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');

  it('follow their data type and keep the whole in the tooltip', () => {
    check([
      [fact('31204', 'number', now).text, '31 204'],
      [fact('743', 'duration', now).text, '12 min'],
      [fact('2026-11-20T11:48:00Z', 'datetime', now).text, '12 min ago'],
      [fact('not a date', 'datetime', now).text, 'not a date'],
      [fact('', 'number', now).text, ''],
      [fact('abcdef', '', now, 3).text, 'abc…'],
      [fact('abcdef', '', now, 3).title, 'abcdef'],
    ]);
  });

  it('know what may be pasted', () => {
    expect(isTypable('docker_container_command', 'Command', '')).toBe(true);
    expect(isTypable('docker_container_ips', 'IPs', '')).toBe(true);
    expect(isTypable('threads', '# Threads', 'number')).toBe(false);
  });

  it('leave numbers that name something as they are typed', () => {
    expect(isNameNumber('pid', 'PID') && isNameNumber('ppid', 'Parent PID') && isNameNumber('port', 'Port')).toBe(true);
    expect(isNameNumber('threads', '# Threads') || isNameNumber('open_files_count', 'Open files')).toBe(false);
    expect(fact('31204', 'number', now, 0, true).text).toBe('31204');
    expect(cell('31204', { id: 'pid', label: 'PID', data_type: 'number' }, now).text).toBe('31204');
    expect(factLabel('# Threads')).toBe('Threads');
  });

  it('sort addresses by number', () => {
    expect(sortKey('10.0.0.9', 'ip') < sortKey('10.0.0.10', 'ip')).toBe(true);
    expect(sortKey('', 'number')).toBe(Number.NEGATIVE_INFINITY);
  });

  it('read metric cells of children', () => {
    const column = { id: 'process_memory_usage_bytes', label: 'Memory', data_type: 'number' };
    check([
      [cell(String(402 * MIB), column, now).text, '402 MB'],
      [cell('61', { id: 'process_cpu_usage_percent', label: 'CPU', data_type: 'number' }, now).text, '61.0 %'],
      [cell('', column, now).text, '–'],
    ]);
  });
});

it('turns a status into a sentence', () => {
  const plugin = { status: 'error: no such file' } as Parameters<typeof statusReason>[0];
  expect(statusReason(plugin)).toBe('No such file.');
  expect(statusReason({ ...plugin, status: 'ok' })).toBe('');
});
