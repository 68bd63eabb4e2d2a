import { describe, expect, it } from 'vitest';

import type { ViewNode } from '../src/generated/ViewNode';
import { csv } from '../src/lib/list';
import { findColumns, metricLabels, rawCell, sortNodes, standardSort } from '../src/parts/table/columns';

const METRICS = [
  { id: 'process_cpu_usage_percent', label: 'CPU', format: 'percent', group: '', priority: 1 },
  { id: 'docker_cpu_total_usage', label: 'CPU', format: 'percent', group: '', priority: 1 },
  { id: 'open_files_count', label: 'Open files', format: 'integer', group: '', priority: 2 },
];

function node(label: string, cpu: number | null, id = 'process_cpu_usage_percent'): ViewNode {
  return {
    id: label,
    kind: 'process',
    topology: 'processes',
    label,
    label_minor: '',
    rank: '',
    shape: 'square',
    stack: false,
    pseudo: false,
    group: null,
    x: 0,
    y: 0,
    metrics: cpu === null ? [] : [{ id, value: cpu, max: 100 }],
    metadata: [
      { id: 'pid', label: 'PID', value: String(label.length), priority: 1, data_type: 'number', truncate: 0 },
      { id: 'cmdline', label: 'Command', value: 'x', priority: 2, data_type: '', truncate: 0 },
      { id: 'late', label: 'A late fact', value: 'x', priority: 12, data_type: '', truncate: 0 },
    ],
    parents: [{ id: 'tern;<host>', label: 'tern', topology: 'hosts' }],
    sources: [],
    started_ms: null,
    stale_since_ms: null,
    count: 1,
  };
}

const nodes = [node('bbb', 5), node('a', null), node('cc', 50, 'docker_cpu_total_usage')];

describe('table', () => {
  const columns = findColumns(nodes, METRICS);
  const labels = metricLabels(METRICS);

  it('has relatives, then facts, then the metrics that nodes carry, one per label', () => {
    expect(columns.map((column) => column.id)).toEqual(['name', 'parent:hosts', 'fact:late', 'fact:cmdline', 'fact:pid', 'metric:cpu', 'trail']);
    expect(columns.filter((column) => column.hidden).map((column) => column.id)).toEqual(['fact:late', 'fact:cmdline']);
  });

  it('has CPU and memory before what plugins add', () => {
    const readings = [
      { id: 'iowait', label: 'IO wait', format: 'percent', group: '', priority: 0.1 },
      { id: 'mem', label: 'Memory', format: 'filesize', group: '', priority: 2 },
      { id: 'cpu', label: 'CPU', format: 'percent', group: '', priority: 1 },
    ];
    const one = { ...node('x', null), metadata: [], parents: [], metrics: readings.map(({ id }) => ({ id, value: 1, max: 0 })) };
    expect(findColumns([one], readings).map((column) => column.id)).toEqual(['name', 'metric:cpu', 'trail', 'metric:memory', 'metric:io wait']);
  });

  it('is sorted by the first metric, greatest first, and what has none comes last', () => {
    const sort = standardSort(columns);
    expect(sort).toEqual({ column: 'metric:cpu', descending: true });
    const by = columns.find((column) => column.id === sort.column);
    if (!by) throw new Error('no metric column');
    expect(sortNodes([...nodes], by, true, labels).map((entry) => entry.label)).toEqual(['cc', 'bbb', 'a']);
    expect(sortNodes([...nodes], by, false, labels).map((entry) => entry.label)).toEqual(['bbb', 'cc', 'a']);
  });

  it('exports figures in full', () => {
    const first = nodes[0];
    if (!first) throw new Error('no node');
    expect(columns.map((column) => rawCell(first, column, labels))).toEqual(['bbb', 'tern', 'x', 'x', '3', '5', '']);
  });

  it('quotes fields as RFC 4180 has it', () => {
    expect(csv([['a', 'b,c', 'd"e', 'f\ng']])).toBe('a,"b,c","d""e","f\ng"\r\n');
  });
});
