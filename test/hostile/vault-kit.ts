import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteStorage } from '../../src/storage/index.ts';
import { type Answer, createKit, createTestClock, type Kit } from '../../src/testing/index.ts';

export const PLACE = { table: 'users', column: 'email', row: '17' };
type Place = typeof PLACE;

/** A whole Twinkeep on a database whose file can be looked into, and a key that seals and opens. */
export interface VaultKit {
  readonly kit: Kit;
  readonly file: string;
  ask(path: string, body: unknown): Promise<Answer>;
  seal(text: string, place?: Place): Promise<string>;
  open(sealed: string, place?: Place): Promise<Answer>;
  /** @returns the code of each, `undefined` where it opened; asked for by thousands */
  codesOf(sealed: readonly string[], place?: Place): Promise<readonly (string | undefined)[]>;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const AT_ONCE = 1_000;

export async function openVaultKit(): Promise<VaultKit> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-hostile-vault-'));
  const file = join(folder, 'db');
  const clock = createTestClock();
  const storage = createSqliteStorage({ file, clock });
  const sessions = { accessMs: DAY_MS, idleMs: DAY_MS, absoluteMs: DAY_MS };
  const kit = await createKit({ clock, storage, config: { sessions } });
  const key = await kit.key('seal:fields', 'open:fields');

  async function ask(path: string, body: unknown): Promise<Answer> {
    kit.clock.advance(1_000); // so that no limit is met
    const headers = { 'content-type': 'application/json' };
    const answer = await kit.call('POST', `/v1/vault/${path}`, { key, body, headers });
    assert.ok(answer.status < 500 && answer.status !== 429, `${path}: ${answer.text}`);
    return answer;
  }

  return {
    kit,
    file,
    ask,
    seal: async (text, place = PLACE) => (await ask('seal', { ...place, text })).json.sealed,
    open: (sealed, place = PLACE) => ask('open', { ...place, sealed }),
    codesOf: async (sealed, place = PLACE) => {
      const codes: (string | undefined)[] = [];
      for (let at = 0; at < sealed.length; at += AT_ONCE) {
        const items = sealed.slice(at, at + AT_ONCE).map((one) => ({ ...place, sealed: one }));
        const { json } = await ask('open/batch', { items });
        codes.push(...json.items.map(({ error }: { error?: { code: string } }) => error?.code));
      }
      return codes;
    },
    close: async () => {
      await kit.close();
      await rm(folder, { recursive: true });
    },
  };
}
