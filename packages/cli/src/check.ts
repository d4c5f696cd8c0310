/** `mendlog check`: everything that a node that does not run has on disk, against itself. */
import { formatVersion } from '@mendlog/core';
import type { IntegrityFinding } from '@mendlog/node/storage';
import { Narrator } from './narrator.js';
import { type FolderOptions, openStoppedNode } from './stopped-node.js';
import { bytesInWords, counted } from './words.js';

/** Findings that are printed. */
const SHOWN_MAX = 20;

/** 1 where anything was found. An index that is wrong is marked, and made anew when the folder is opened next. */
export async function runCheck(options: FolderOptions, signal: AbortSignal): Promise<number> {
  await using node = openStoppedNode(options);
  const narrator = new Narrator(process.stderr);
  const { isSound, records, bytes, findings, counts } = await node.store.verify({
    signal,
    onProgress: (count) => narrator.progress(`${counted(count, 'record')} checked`),
  });
  narrator.clear();
  const checked = `${counted(records, 'record')} of ${node.nodeId}, ${bytesInWords(bytes)}`;
  if (isSound) {
    process.stdout.write(`${checked}: all as written\n`);
    return 0;
  }
  const found = counts.record + counts.entry + counts.index;
  const lines = findings.slice(0, SHOWN_MAX).map((finding) => `  ${inWords(finding)}\n`);
  const more = found > lines.length ? `  and ${found - lines.length} more\n` : '';
  process.stdout.write(`${checked}: ${counted(found, 'thing')} found\n${lines.join('')}${more}`);
  return 1;
}

function inWords(finding: IntegrityFinding): string {
  switch (finding.kind) {
    case 'record': {
      const version = formatVersion(finding.version);
      return `the disk has changed record ${version} of ${finding.partition}: it comes back from another replica`;
    }
    case 'entry':
      return `the disk has changed the table of entry ${finding.arrival} of the log`;
    case 'index':
      return `the index is made anew at the next start: ${finding.what}`;
  }
}
