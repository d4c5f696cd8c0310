import { MendlogError } from '../errors.js';
import type { ArrivalCursor } from './store.js';

/** Throws BAD_REQUEST for a cursor of another store: arrivals are numbered by each store for itself. */
export function checkCursor(storeId: string, cursor: ArrivalCursor | undefined): void {
  if (cursor === undefined || cursor.storeId === storeId) return;
  throw new MendlogError('BAD_REQUEST', `the cursor is of store ${cursor.storeId}, and this is ${storeId}`);
}
