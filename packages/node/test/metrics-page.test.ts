// docs/metrics.md against what a node tells Prometheus: a row for each metric, with its labels and the words of its help text.
//
// MENDLOG_UPDATE_DOCS=1 writes the rows that there are into the page; `npm run format` then sets their widths.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createNode } from '@mendlog/node';
import { expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

const PAGE = resolve(import.meta.dirname, '../../../docs/metrics.md');
const ROWS = /(?<=\| -+ \| -+ \| -+ \| -+ \|\n)(?:\|.*\|\n)+/;
/** Those of prom-client itself, which are the same in every Node.js process. */
const OF_PROCESS = /^(?:nodejs|process)_/;
/** What Prometheus or the node adds to all. */
const COMMON_LABELS = new Set(['node', 'le']);

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: string;
  readonly help: string;
}

function rowsOfScrape(text: string): Row[] {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  return [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].flatMap(([, name = '', help = '']) => {
    if (OF_PROCESS.test(name)) return [];
    const samples = new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\}`, 'gm');
    const labels = [...text.matchAll(samples)].flatMap(([, pairs = '']) =>
      [...pairs.matchAll(/(\w+)=/g)].map(([, label = '']) => label),
    );
    const own = [...new Set(labels)]
      .filter((label) => !COMMON_LABELS.has(label))
      .map((label) => `\`${label}\``);
    return [{ name, type: types.get(name) ?? '', labels: own.join(', '), help }];
  });
}

function rowsOfPage(text: string): Row[] {
  const rows = ROWS.exec(text)?.[0].trimEnd().split('\n') ?? [];
  return rows.map((line) => {
    const [name = '', type = '', labels = '', help = ''] = line.slice(1, -1).split('|');
    return {
      name: name.trim().replaceAll('`', ''),
      type: type.trim(),
      labels: labels.trim(),
      help: help.trim(),
    };
  });
}

test('metrics page: it has a row for each metric of a node', async () => {
  using folder = temporaryFolder();
  await using node = await createNode({
    id: 'n1',
    dataDir: folder.path,
    listen: '127.0.0.1:0',
    peers: { n2: 'http://127.0.0.1:1', n3: 'http://127.0.0.1:2' },
  });
  const rows = rowsOfScrape(await node.service.metrics()).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (process.env.MENDLOG_UPDATE_DOCS !== undefined) {
    const lines = rows.map(
      ({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels} | ${help} |\n`,
    );
    writeFileSync(
      PAGE,
      readFileSync(PAGE, 'utf8').replace(ROWS, () => lines.join('')),
    );
  }
  expect(rows.length).toBeGreaterThan(20);
  expect(rowsOfPage(readFileSync(PAGE, 'utf8'))).toEqual(rows);
});
