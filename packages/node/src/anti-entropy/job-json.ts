/** Jobs as the API shows them. */
import type { Job } from '@mendlog/core';
import type { Jobs } from '../api/service.js';

type JobJson = Jobs['jobs'][number];

export function jobJson(job: Job, waitingFor: string | null): JobJson {
  return {
    id: job.id,
    // The executing node is the first of those that are compared.
    node: job.nodes[0] ?? '',
    partitionId: job.partition,
    nodes: [...job.nodes],
    reason: job.reason,
    priority: job.priority,
    status: job.status,
    attempts: job.attempts,
    createdAt: new Date(job.createdAtMs).toISOString(),
    startedAt: isoOrNull(job.startedAtMs),
    finishedAt: isoOrNull(job.finishedAtMs),
    recordsCompared: job.recordsCompared,
    recordsRepaired: job.recordsRepaired,
    bytesSent: job.bytesSent,
    bytesReceived: job.bytesReceived,
    error: job.error ?? null,
    waitingFor,
  };
}

/** Where a job stands among all: pages are cut by it, and the pages of several nodes merge by it. */
export function jobCursor(job: Pick<JobJson, 'createdAt' | 'id'>): string {
  return `${job.createdAt}_${job.id}`;
}

function isoOrNull(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString();
}
