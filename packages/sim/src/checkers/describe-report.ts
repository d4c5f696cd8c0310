/** A report as lines of text, short enough to be read whatever was found. */
import { type CheckReport, describeOperation, type Violation } from './check-report.js';

const OPERATIONS_SHOWN_MAX = 12;

/** The verdict, then each kept violation with its operations. */
export function describeReport(report: CheckReport): string[] {
  const { invariant, check, checked, unchecked, violationCount, violations } = report;
  const verdict = violationCount === 0 ? 'ok  ' : 'FAIL';
  const skipped = unchecked === 0 ? '' : `, ${unchecked} that it cannot judge`;
  const summary = `${verdict}  ${invariant.padEnd(3)}  ${check}: ${counted(violationCount, 'violation')}, ${checked} checked${skipped}`;
  const more = violationCount - violations.length;
  return [
    summary,
    ...violations.flatMap(describeViolation),
    ...(more > 0 ? [`      and ${counted(more, 'more violation')}`] : []),
  ];
}

function describeViolation({ partition, key, message, operations }: Violation): string[] {
  const place = key === null ? partition : `${partition}/${key}`;
  const shown = operations.slice(0, OPERATIONS_SHOWN_MAX).map((operation) => describeOperation(operation));
  const more = operations.length - shown.length;
  return [
    `      ${place}: ${message}`,
    ...shown.map((line) => `        ${line}`),
    ...(more > 0 ? [`        and ${counted(more, 'more operation')}`] : []),
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
