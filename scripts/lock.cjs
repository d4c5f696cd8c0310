// A lock between processes, so that two commands started at once do not install or build over each other.
//
// The lock is a file that holds its owner's process id. A file whose owner is dead is removed by a waiter, under a
// second lock that is held for an instant only: without it two waiters could both see the dead owner, and the
// slower one would remove the lock that the faster one has just taken.
'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

const pollMs = 100;
/** A file without a process id yet is being written, unless it has been so for this long. */
const unwrittenMsMax = 5_000;
const waitMsMax = 15 * 60_000;

function take(file) {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(file) {
  try {
    const owner = Number(fs.readFileSync(file, 'utf8'));
    if (owner === 0) return Date.now() - fs.statSync(file).mtimeMs > unwrittenMsMax;
    process.kill(owner, 0);
    return false;
  } catch (error) {
    // ENOENT: it was released in between. EPERM: the owner lives and belongs to someone else.
    return error.code === 'ESRCH';
  }
}

function removeAbandoned(file) {
  const guard = `${file}-removal`;
  if (!take(guard)) {
    if (isAbandoned(guard)) fs.rmSync(guard, { force: true });
    return;
  }
  try {
    if (isAbandoned(file)) fs.rmSync(file, { force: true });
  } finally {
    fs.rmSync(guard, { force: true });
  }
}

/** Runs the work while no other process holds the lock on this file. */
async function withLock(file, say, work) {
  const deadlineMs = Date.now() + waitMsMax;
  let told = false;
  while (!take(file)) {
    if (isAbandoned(file)) {
      removeAbandoned(file);
      continue;
    }
    if (!told) say('Another command is preparing this checkout: waiting for it ...');
    told = true;
    if (Date.now() > deadlineMs) throw new Error(`waited too long for ${file}: remove it if nothing runs`);
    await sleep(pollMs);
  }
  try {
    return work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

module.exports = { withLock };
