/**
 * Where the CPU went: the functions with the most self time of each profile.
 * `node bench/dist/profile-summary.js [--top 25] FILE.cpuprofile ...`, which `cluster.js --profile` writes.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CpuProfile, selfTimesOf } from './cluster/self-times.js';

const { values, positionals } = parseArgs({
  options: { top: { type: 'string', default: '25' } },
  allowPositionals: true,
});

for (const file of positionals) {
  const profile: CpuProfile = JSON.parse(readFileSync(file, 'utf8'));
  const times = selfTimesOf(profile);
  const busyMs = times.reduce((sum, { ms }) => sum + ms, 0);
  console.log(`\n${file}: ${Math.round(busyMs)} ms busy on the main thread\n`);
  console.log('| self % | self ms | function |\n| --: | --: | --- |');
  for (const { name, ms } of times.slice(0, Number(values.top)))
    console.log(`| ${((100 * ms) / busyMs).toFixed(1)} | ${Math.round(ms)} | ${name} |`);
}
