import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { anonymous } from '../kernel/principal.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createKit, createTestClock } from '../testing/index.ts';
import { createLogWatch, memoryHead } from './index.ts';

type Parts = Awaited<ReturnType<typeof open>>;

async function within(work: (parts: Parts) => Promise<void>): Promise<void> {
  const parts = await open();
  try {
    await work(parts);
  } finally {
    await parts.close();
  }
}

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-watch-'));
  const file = join(folder, 'data.db');
  const clock = createTestClock();
  const storage = createSqliteStorage({ file, clock });
  const kit = await createKit({ clock, storage });
  const { audit } = kit.twinkeep.house;
  const head = memoryHead();
  for (let at = 0; at < 450; at++) await audit.write({ action: 'test', outcome: 'done', principal: anonymous });
  await audit.integrate();
  const watch = () =>
    createLogWatch({ storage, key: audit.key, head, clock, onError: (error) => assert.fail(String(error)) });
  /** One whose database can be made to fail. */
  const shakyWatch = () => {
    const state = { fails: false, errors: 0 };
    const seen = createLogWatch({
      storage: {
        ...storage,
        read: (reach, work) =>
          storage.read(reach, (tx) =>
            work({ ...tx, all: state.fails ? () => Promise.reject(new Error('the disk is away')) : tx.all }),
          ),
      },
      key: audit.key,
      head,
      clock,
      onError: () => {
        state.errors += 1;
      },
    });
    return { state, seen };
  };
  const alter = (sql: string): void => {
    const other = new DatabaseSync(file);
    for (const row of other.prepare("select name from sqlite_master where type = 'trigger'").all())
      other.exec(`drop trigger "${row['name']}"`);
    other.exec(sql);
    other.close();
  };
  const close = async (): Promise<void> => {
    await kit.close();
    rmSync(folder, { recursive: true, force: true });
  };
  const note = async (): Promise<string> =>
    (await kit.call('GET', '/v1/audit/checkpoint', { token: await kit.signIn() })).json.checkpoint;
  return { clock, head, watch, shakyWatch, note, alter, close };
}

test('a log that is whole is said to be so, as far as it was looked at', () =>
  within(async ({ watch, clock }) => {
    const { looked, isBehind } = await watch().state();
    assert.ok(looked !== undefined && looked.entries >= 450);
    assert.deepEqual([looked.flaw, looked.at, isBehind], [undefined, clock.now(), false]);
  }));

// Attack: whoever can write the database takes entries out, changes them, or takes the end of the log away.
for (const [name, sql, reason] of [
  ['gone', 'delete from audit_entry where seq < 3', /entry 0 is gone/],
  ['gone in the midst', 'delete from audit_entry where seq = 300', /entry 300 is gone/],
  ['changed', `update audit_entry set body = replace(body, 'test', 'mild') where seq = 222`, /entry 222 is not what/],
  [
    'gone at the end',
    'delete from audit_entry where seq > 20; delete from audit_checkpoint where size > 20',
    /head kept apart|not signed|gone/,
  ],
] as const)
  test(`entries that are ${name} are noticed within the hour`, () =>
    within(async ({ watch, alter, clock, note, head }) => {
      const seen = watch();
      const first = await seen.state();
      await head.keep(await note());
      alter(sql);
      clock.advance(3_600_000);
      await seen.state(); // tells what it knows, and looks again meanwhile
      const { looked } = await watch().state();
      assert.equal(first.looked?.flaw, undefined);
      assert.match(looked?.flaw ?? '', reason);
    }));

test('a database that fails for a moment says nothing of the log, which is looked at again after a minute', () =>
  within(async ({ shakyWatch, clock }) => {
    const { state, seen } = shakyWatch();
    const told = async () => (await seen.state().catch(() => undefined))?.looked;
    const before = await told();
    assert.ok(before !== undefined && before.flaw === undefined);
    clock.advance(3_600_000);
    const lookAgain = async (): Promise<void> => {
      await told();
      await pause(50); // it goes on behind the answer
    };
    state.fails = true;
    await lookAgain();
    await lookAgain();
    assert.equal(state.errors, 1, 'not with each question');
    state.fails = false;
    assert.deepEqual(await told(), before);
    clock.advance(60_000);
    await lookAgain();
    assert.deepEqual(await told(), { ...before, at: clock.now() });
  }));

test('what waits for its signature for more than a minute is told', () =>
  within(async ({ watch, alter, clock }) => {
    clock.advance(120_000);
    alter(`insert into audit_entry (id, at, action, tenant, body)
      select '01990000' || substr(id, 9), at, action, tenant, body from audit_entry where seq = 5`);
    assert.equal((await watch().state()).isBehind, true);
  }));
