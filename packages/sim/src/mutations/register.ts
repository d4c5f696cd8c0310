/** Imported before the command: installs the mutation that MENDLOG_SIM_MUTATION names. */
import { register } from 'node:module';
import { MUTATIONS } from './mutation-list.js';

const name = process.env.MENDLOG_SIM_MUTATION;
const mutation = MUTATIONS.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`MENDLOG_SIM_MUTATION names no mutation: ${name}`);
register('./load-hook.js', import.meta.url, { data: mutation });
