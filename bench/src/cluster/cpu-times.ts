/**
 * Seconds of CPU that processes and the whole machine have used, as Linux counts them (proc(5)): the nodes are
 * not asked, so that measuring costs them nothing.
 */
import { readFileSync } from 'node:fs';

/** Linux counts them in hundredths of a second, whatever its own clock (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** All threads of a process, in user and kernel mode. */
export function processSeconds(pid: number): number {
  return processSecondsIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** All processes, interrupts, and what a hypervisor gave to others. */
export function machineSeconds(): number {
  return machineSecondsIn(readFileSync('/proc/stat', 'utf8'));
}

/** Of the text of /proc/PID/stat. */
export function processSecondsIn(text: string): number {
  // The name before is in brackets and may hold anything, brackets and blanks too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, kernel] = [fields[11], fields[12]];
  return (Number(user) + Number(kernel)) / TICKS_PER_SECOND;
}

/** Of the text of /proc/stat. */
export function machineSecondsIn(text: string): number {
  const [user = 0, nice = 0, kernel = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = text
    .slice(0, text.indexOf('\n'))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + kernel + interrupts + softInterrupts + stolen) / TICKS_PER_SECOND;
}
