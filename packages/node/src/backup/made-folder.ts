/**
 * A folder that a backup or a restore fills. It is empty or missing before, so that nothing is ever
 * written over, and what was made in it goes again where the work fails.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';
import { dataDirError, makeDataDir } from '../storage/make-data-dir.js';

/** All that a backup or a restore makes in its folder. */
const MADE = [
  ...['log', 'index', 'LOCK', 'set-aside'],
  ...['meta.json', 'meta.json.new', 'manifest.json', 'manifest.json.new'],
];

export class MadeFolder {
  readonly path: string;
  readonly #wasThere: boolean;

  /** Throws BAD_CONFIG, and has then touched nothing, where the folder holds anything or cannot be made. */
  constructor(path: string) {
    this.path = path;
    this.#wasThere = existsSync(path);
    if (this.#wasThere && !isEmpty(path)) {
      throw new MendlogError(
        'BAD_CONFIG',
        `the folder ${path} is not empty: name one that is, or that is not there yet`,
      );
    }
    makeDataDir(path);
  }

  /** Removes what was made, and nothing that somebody else has put there. */
  undo(): void {
    for (const name of MADE) rmSync(join(this.path, name), { recursive: true, force: true });
    if (!this.#wasThere && isEmpty(this.path)) rmdirSync(this.path);
  }
}

function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (cause) {
    throw dataDirError(path, cause);
  }
}
