/**
 * For a process that is a node and little else. What waits for the index lives longer than V8 takes young things to
 * live, so it becomes old garbage, and a node's heap of some twenty megabytes is collected as a whole once or twice a
 * second under load: V8 does so whenever it has grown by half. Letting it grow to four times what lives gives more records
 * a second and a shorter tail, and costs some forty megabytes.
 */
import { setFlagsFromString } from 'node:v8';

/** It concerns the whole process, so createNode() leaves it to whoever owns that. May be called at any time. */
export function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=300');
}
