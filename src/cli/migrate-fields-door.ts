import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Answer, Envelopes, LegacyKeys } from '../migration/index.ts';
import type { Door } from './door.ts';

const failed = z.object({ error: z.object({ code: z.string() }) });
const sealed = z.object({ items: z.array(z.union([failed, z.object({ sealed: z.string() })])) });
const opened = z.object({ items: z.array(z.union([failed, z.object({ text: z.string() })])) });

/** What the routes take in one request. */
const MAX_ITEMS = 1_000;
const MAX_BYTES = 3_000_000;
const MAX_WAITS = 10;

/** Seals and opens by the vault behind the owner's door, in requests as large as its routes take. */
export function createDoorEnvelopes(door: Door): Envelopes {
  const send = async (path: string, items: readonly object[], read: (body: unknown) => readonly Answer[]) => {
    const answers: Answer[] = [];
    for (const chunk of chunksOf(items)) {
      const own = read(await callPatiently(door, path, { items: chunk }));
      if (own.length !== chunk.length) throw new TypeError(`${path} did not answer for every item`);
      answers.push(...own);
    }
    return answers;
  };
  return {
    seal: (items) =>
      send('/v1/vault/seal/batch', items, (body) =>
        sealed.parse(body).items.map((item) => ('error' in item ? refusedAs(item.error.code) : textOf(item.sealed))),
      ),
    open: (items) =>
      send('/v1/vault/open/batch', items, (body) =>
        opened.parse(body).items.map((item) => ('error' in item ? refusedAs(item.error.code) : textOf(item.text))),
      ),
  };
}

const refusedAs = (code: string): Answer => ({ kind: 'refused', code });
const textOf = (text: string): Answer => ({ kind: 'text', text });

/**
 * Gives the vault the legacy keys, so that its `open` reads old values and new ones alike meanwhile. Again, it changes
 * nothing.
 *
 * @returns how many it took; a key that it holds for no good one can still be migrated away from
 */
export async function importLegacyKeys(door: Door, { form, spelled }: LegacyKeys): Promise<number> {
  let taken = 0;
  // The newest is imported last, for that is how the vault tells which one a program uses now.
  for (const key of spelled.toReversed()) {
    try {
      await callPatiently(door, '/v1/vault/keys/import', { algorithm: form, key });
      taken += 1;
    } catch (error) {
      if (!isFault(error, 'VAULT_KEY_INVALID')) throw error;
    }
  }
  return taken;
}

/** A limit is waited for, as long as it says. */
async function callPatiently(door: Door, path: string, body: object): Promise<unknown> {
  for (let waits = 0; ; waits++) {
    try {
      return await door.call('POST', path, body);
    } catch (error) {
      if (!isFault(error, 'LIMIT_EXCEEDED') || waits === MAX_WAITS) throw error;
      await wait(seconds(Number(error.facts['retry_after_s'] ?? 1)));
    }
  }
}

function* chunksOf(items: readonly object[]): Generator<readonly object[]> {
  let chunk: object[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (chunk.length === MAX_ITEMS || (chunk.length > 0 && bytes + size > MAX_BYTES)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(item);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}
