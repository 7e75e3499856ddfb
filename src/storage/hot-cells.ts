import { hash } from 'node:crypto';

const MAX_NAME = 64;

/** Callers name cells after what clients send, so a long name must not cost memory. */
export const keyOf = (name: string): string => (name.length > MAX_NAME ? hash('sha256', name, 'base64url') : name);

/** So many named values, each with an end. */
export interface Cells<Value> {
  get(name: string, now: number): Value | undefined;
  /** Also counts as a touch. */
  set(name: string, value: Value, until: number, now: number): void;
  delete(name: string): void;
}

/** One cell in the row of the touches. */
interface Entry<Value> {
  readonly name: string;
  value: Value;
  until: number;
  older: Entry<Value> | undefined;
  newer: Entry<Value> | undefined;
}

/**
 * When it is full the expired go first, then whatever was touched longest ago.
 *
 * The order of the touches is a list of its own. That of a Map would have to be renewed by taking the key out and in
 * again, and each time leaves a hole that every look-up of the key walks over: the hotter a cell, the slower.
 */
export function createCells<Value>(maxCells: number): Cells<Value> {
  const entries = new Map<string, Entry<Value>>();
  let oldest: Entry<Value> | undefined;
  let newest: Entry<Value> | undefined;
  let evictions = maxCells; // since the last sweep
  let found: Entry<Value> | undefined; // by the last `get`, for the `set` of the same name that follows

  const unlink = (entry: Entry<Value>): void => {
    if (entry.older === undefined) oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) newest = entry.older;
    else entry.newer.older = entry.older;
  };

  const append = (entry: Entry<Value>): void => {
    entry.older = newest;
    entry.newer = undefined;
    if (newest === undefined) oldest = entry;
    else newest.newer = entry;
    newest = entry;
  };

  const remove = (entry: Entry<Value>): void => {
    unlink(entry);
    entries.delete(entry.name);
    if (found === entry) found = undefined;
  };

  const makeRoom = (now: number): void => {
    // A sweep costs as much as there are cells, so a flood of new names pays for one only every so often.
    if (evictions * 8 >= maxCells) {
      evictions = 0;
      for (const entry of entries.values()) if (entry.until <= now) remove(entry);
    }
    if (entries.size < maxCells || oldest === undefined) return;
    evictions++;
    remove(oldest);
  };

  return {
    get: (name, now) => {
      const entry = found?.name === name ? found : entries.get(name);
      if (entry === undefined) return undefined;
      if (entry.until > now) {
        found = entry;
        return entry.value;
      }
      remove(entry);
      return undefined;
    },
    set: (name, value, until, now) => {
      const known = found?.name === name ? found : entries.get(name);
      if (known === undefined) {
        if (entries.size >= maxCells) makeRoom(now);
        const entry = { name, value, until, older: undefined, newer: undefined };
        entries.set(name, entry);
        append(entry);
        return;
      }
      known.value = value;
      known.until = until;
      if (known === newest) return;
      unlink(known);
      append(known);
    },
    delete: (name) => {
      const entry = entries.get(name);
      if (entry !== undefined) remove(entry);
    },
  };
}
