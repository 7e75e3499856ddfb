import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { inTenant, lookup, platform } from '../kernel/tx.ts';
import { type PostgresServer, queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { createPostgresStorage, type PostgresOptions } from './postgres.ts';
import { statement } from './statement.ts';
import type { Storage } from './storage.ts';
import { expectFault, north, readings, samples, seats, south, tables, tickets } from './storage-kit.contract.ts';

const ada = { person: 'ada', seat: 1 };
const digest = Buffer.from('0123456789abcdef');

const peek = statement({
  reach: 'platform', // a mistake: the table is one of tenants
  sql: 'select tenant_id, meter from reading',
  returns: { tenant_id: 'text', meter: 'text' },
});

const peekAsLookup = statement({ reach: 'lookup', sql: 'select person from seat', returns: { person: 'text' } });

const sleep = statement({
  reach: 'platform',
  sql: 'select pg_sleep(:seconds)::text as slept',
  params: { seconds: 'real' },
  returns: { slept: 'text' },
});

const everySeat = statement({ reach: 'platform', sql: 'select * from seat', returns: { person: 'text', seat: 'int' } });

type Work = (storage: Storage, url: string) => Promise<void>;

async function onDatabase(server: PostgresServer, work: Work, options: Partial<PostgresOptions> = {}): Promise<void> {
  const url = await server.createDatabase();
  const storage = createPostgresStorage({ url, clock: systemClock, ...options });
  try {
    await storage.migrate([tables]);
    await work(storage, url);
  } finally {
    await storage.close();
  }
}

/** What a raw session of the restricted role is answered: the rows, or the SQLSTATE. */
async function asRole(url: string, role: string, sql: string): Promise<unknown> {
  try {
    return await queryPostgres(url, `begin; set local role ${role}; ${sql}`);
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

const DENIED = '42501';

await serverSuite('PostgreSQL alone', startPostgres, (server) => {
  describe('roles', () => rolesTests(server));
  describe('transactions', () => transactionTests(server));
  describe('limits', () => limitTests(server));
  describe('an outage', () => outageTests(server));
});

function rolesTests(server: PostgresServer): void {
  test('an owner without superuser rights can set up a database and work on it', async () => {
    await queryPostgres(server.url, "create role owner login createrole password 'x'");
    await queryPostgres(server.url, 'create database owned owner owner');
    const url = server.url.replace('postgres@', 'owner:x@').replace(/\/postgres$/, '/owned');
    const storage = createPostgresStorage({ url, clock: systemClock });
    await storage.migrate([tables]);
    await storage.write(inTenant(north), (tx) => tx.insert(readings.put, [{ meter: 'm', at: 1, value: 1 }]));
    assert.equal((await storage.read(inTenant(south), (tx) => tx.all(readings.all, {}))).length, 0);
    assert.equal(await storage.read(lookup, (tx) => tx.one(tickets.find, { digest })), undefined);
    assert.deepEqual(await queryPostgres(url, 'select meter from reading'), []); // the owner is bound too
    await storage.close();
  });

  // Attack: a statement reaches a tenant's rows without the tenant being set, or with the rows of another in mind.
  test('row-level security holds for the restricted role, whatever it says', () =>
    onDatabase(server, async (storage, url) => {
      await storage.write(inTenant(north), (tx) => tx.insert(readings.put, [{ meter: 'm', at: 1, value: 1 }]));
      const app = (sql: string): Promise<unknown> => asRole(url, 'twinkeep_app', sql);
      assert.deepEqual(await app('select * from reading'), []);
      const set = "set local twinkeep.tenant = 'south'";
      assert.deepEqual(await app(`${set}; select * from reading`), []);
      assert.deepEqual(await app(`${set}; update reading set value = 2 returning value`), []);
      assert.equal(await app(`${set}; insert into reading values ('north', 'x', 1, 1)`), DENIED);
      assert.equal(await app('set local row_security = off; select * from reading'), DENIED);
      assert.equal(await app('alter table reading disable row level security'), DENIED);
      assert.equal(await app('alter role twinkeep_app bypassrls'), DENIED);
      assert.equal(await app('create table mine (id int)'), DENIED);
      assert.equal(await app('select * from pg_authid'), DENIED);
      assert.equal(await app('delete from twinkeep_migration'), DENIED);
    }));

  // Attack: the path that looks up digests before anybody is known is used to read something else.
  test('the look-up role reads look-up rows and nothing else', () =>
    onDatabase(server, async (storage, url) => {
      await storage.write(platform, (tx) => tx.run(tickets.put, { digest, owner: 'ada' }));
      const look = (sql: string): Promise<unknown> => asRole(url, 'twinkeep_lookup', sql);
      assert.equal((await queryPostgres(url, 'select owner from ticket')).length, 1);
      assert.deepEqual(await look('select owner from ticket'), [{ owner: 'ada' }]);
      assert.equal(await look('delete from ticket'), DENIED);
      for (const table of ['seat', 'reading', 'sample', 'twinkeep_lease']) {
        assert.equal(await look(`select * from ${table}`), DENIED);
      }
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(lookup, (tx) => tx.all(peekAsLookup, {})),
      );
      const put = storage.write(lookup, (tx) => tx.run(tickets.put, { digest: Buffer.of(1), owner: 'bob' }));
      await expectFault('STORAGE_SCOPE', put);
    }));

  test('a connection forgets the tenant of the transaction before', () =>
    onDatabase(
      server,
      async (storage) => {
        await storage.write(inTenant(north), (tx) => tx.insert(readings.put, [{ meter: 'm', at: 1, value: 1 }]));
        assert.equal((await storage.read(inTenant(north), (tx) => tx.all(peek, {}))).length, 1);
        assert.deepEqual(await storage.read(platform, (tx) => tx.all(peek, {})), []);
        assert.deepEqual(await storage.read(inTenant(south), (tx) => tx.all(peek, {})), []);
      },
      { poolSize: 1 },
    ));

  // Attack: none, but statements travel with the opening of their transaction, so it must not open without the role.
  test('nothing runs when the restricted role is not there to step down to', () =>
    onDatabase(server, async (storage, url) => {
      await queryPostgres(url, 'alter role twinkeep_app rename to away');
      await expectFault(
        'STORAGE_BROKEN',
        storage.write(platform, (tx) => tx.run(seats.take, ada)),
      );
      await expectFault(
        'STORAGE_BROKEN',
        storage.read(platform, (tx) => tx.all(seats.all, {})),
      );
      await queryPostgres(url, 'alter role away rename to twinkeep_app');
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), []);
    }));

  test('a database whose role could step over row-level security is refused', () =>
    onDatabase(server, async (storage, url) => {
      await queryPostgres(url, 'alter role twinkeep_app bypassrls');
      await expectFault('STORAGE_BROKEN', storage.migrate([tables]));
      await queryPostgres(url, 'alter role twinkeep_app nobypassrls');
      assert.deepEqual(await storage.migrate([tables]), []);
    }));

  test('many who set up databases of one server at once do not disturb each other', async () => {
    const shared = await server.createDatabase();
    const urls = [...(await Promise.all([1, 2, 3].map(() => server.createDatabase()))), shared, shared, shared];
    const storages = urls.map((url) => createPostgresStorage({ url, clock: systemClock }));
    const applied = await Promise.all(storages.map((storage) => storage.migrate([tables])));
    assert.equal(applied.flat().filter((name) => name === tables.name).length, 4);
    await Promise.all(storages.map((storage) => storage.close()));
  });
}

function transactionTests(server: PostgresServer): void {
  test('a write whose work swallowed a conflict fails all the same', () =>
    onDatabase(server, async (storage) => {
      const swallowing = storage.write(platform, async (tx) => {
        await tx.run(seats.take, ada);
        await tx.run(seats.take, ada).catch(() => undefined);
      });
      await expectFault('STORAGE_CONFLICT', swallowing);
      const unawaited = storage.write(platform, async (tx) => {
        await tx.run(seats.take, ada);
        tx.run(seats.take, ada).catch(() => undefined);
      });
      await expectFault('STORAGE_CONFLICT', unawaited);
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), []);
    }));

  test('work may answer a conflict with an error of its own', () =>
    onDatabase(server, async (storage) => {
      await storage.write(platform, (tx) => tx.run(seats.take, ada));
      const mine = new Error('the seat is taken');
      const failing = storage.write(platform, (tx) => tx.run(seats.take, ada).catch(() => Promise.reject(mine)));
      await assert.rejects(failing, (error) => error === mine);
    }));

  test('statements that are not awaited one by one keep their order, and belong to the write', () =>
    onDatabase(server, async (storage) => {
      await storage.write(platform, async (tx) => {
        await Promise.all([tx.run(seats.take, ada), tx.run(seats.move, ada), tx.run(seats.move, ada)]);
        void tx.run(seats.move, ada);
      });
      const found = await storage.read(platform, (tx) => tx.all(seats.all, {}));
      assert.deepEqual(found, [{ person: 'ada', seat: 4 }]);
    }));

  test('work that is run again has its effects once, and may not hide that it must be', () =>
    onDatabase(server, async (storage) => {
      await storage.write(platform, (tx) => tx.run(seats.take, ada));
      let runs = 0;
      let effects = 0;
      const move = (): Promise<number> =>
        storage.write(platform, async (tx) => {
          runs++;
          tx.afterCommit(() => effects++);
          return tx.run(seats.move, { person: 'ada' }).catch(() => Promise.reject(new Error('hidden')));
        });
      await Promise.all(Array.from({ length: 20 }, move));
      assert.ok(runs > 20, `${runs} runs`);
      assert.equal(effects, 20);
    }));

  test('an effect that throws is told to the operator and not to the caller', async () => {
    const heard: unknown[] = [];
    const work: Work = async (storage) => {
      await storage.write(platform, async (tx) => {
        tx.afterCommit(() => {
          throw new Error('effect');
        });
      });
      assert.equal(heard.length, 1);
    };
    await onDatabase(server, work, { onError: (error) => heard.push(error) });
  });

  test('a migration of another process that changes what a prepared statement returns stops nobody', () =>
    onDatabase(server, async (storage) => {
      const readAll = () => storage.read(platform, (tx) => tx.all(everySeat, {}));
      await storage.write(platform, (tx) => tx.run(seats.take, ada));
      await Promise.all([readAll(), readAll(), readAll()]);
      const column = { kind: 'column', table: 'seat', name: 'note', type: 'text?' } as const;
      await storage.migrate([tables, { name: '202609010000_seat_note', changes: [column] }]);
      assert.deepEqual(await Promise.all([readAll(), readAll(), readAll()]), [[ada], [ada], [ada]]);
    }));

  test('rows of any size go in, for they travel in bounded chunks', () =>
    onDatabase(server, async (storage) => {
      const bytes = Buffer.alloc(1_000_000, 7);
      const rows = Array.from({ length: 12 }, (_, index) => ({
        ...{ id: `row ${index}`, a_text: '', an_int: 0, a_real: 0, a_bool: true, a_json: {}, some_bytes: bytes },
        ...{ maybe_text: null, maybe_int: null, maybe_real: null, maybe_bool: null, maybe_json: null },
        maybe_bytes: null,
      }));
      await storage.write(platform, (tx) => tx.insert(samples.putMany, rows));
      const last = await storage.read(platform, (tx) => tx.one(samples.get, { id: 'row 11' }));
      assert.ok(last !== undefined && bytes.equals(last.some_bytes));
    }));

  test('what goes wrong inside is told to the log, never to the client', () =>
    onDatabase(server, async (storage) => {
      await storage.write(platform, (tx) => tx.run(seats.take, ada));
      const fault = await storage.write(platform, (tx) => tx.run(seats.take, ada)).catch((error: unknown) => error);
      assert.ok(isFault(fault, 'STORAGE_CONFLICT') && fault.cause instanceof Error);
      assert.match(fault.cause.message, /seat_pkey/);
      assert.doesNotMatch(JSON.stringify([fault.message, fault.facts]), /seat|ada/);
    }));
}

function limitTests(server: PostgresServer): void {
  test('a statement that takes too long is ended', () =>
    onDatabase(
      server,
      async (storage) => {
        await expectFault(
          'STORAGE_BUSY',
          storage.read(platform, (tx) => tx.all(sleep, { seconds: 5 })),
        );
        await storage.probe();
      },
      { statementTimeoutMs: 100 },
    ));

  test('a write that waits for something else is ended, and its locks with it', () =>
    onDatabase(
      server,
      async (storage) => {
        const waiting = storage.write(platform, async (tx) => {
          await tx.run(seats.take, ada);
          await pause(700);
          await tx.run(seats.move, ada);
        });
        await pause(20);
        await storage.write(platform, (tx) => tx.run(seats.take, { ...ada, person: 'bob' }));
        await expectFault('STORAGE_WAITED', waiting);
        assert.equal((await storage.read(platform, (tx) => tx.all(seats.all, {}))).length, 1);
      },
      { statementTimeoutMs: 300 },
    ));

  test('who finds every connection taken is turned away after a while', () =>
    onDatabase(
      server,
      async (storage) => {
        const holding = storage.read(platform, (tx) => tx.all(sleep, { seconds: 2.3 }));
        await expectFault(
          'STORAGE_BUSY',
          storage.read(platform, (tx) => tx.all(seats.all, {})),
        );
        await holding;
        await storage.probe();
      },
      { poolSize: 1 },
    ));

  test('a malformed URL is refused without being shown', () => {
    for (const url of ['postgres://u:hunter2@', 'http://u:hunter2@h/d', 'hunter2', 'postgres://u:hunter2@h:x/d']) {
      assert.throws(
        () => createPostgresStorage({ url, clock: systemClock }),
        (error) =>
          error instanceof TypeError && !JSON.stringify([error, error.message, error.stack]).includes('hunter2'),
      );
    }
  });
}

function outageTests(server: PostgresServer): void {
  const write = (storage: Storage): Promise<number> =>
    storage.write(platform, async (tx) => (await tx.insert(seats.takeFree, [ada])).length);

  async function recovers(storage: Storage): Promise<void> {
    const until = performance.now() + 5_000;
    while (performance.now() < until) {
      try {
        await storage.probe();
        await write(storage);
        return;
      } catch (error) {
        assert.ok(isFault(error, 'STORAGE_UNAVAILABLE'), String(error));
        await pause(20);
      }
    }
    assert.fail('not within five seconds');
  }

  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    test(`a server that ends by ${signal} under an idle pool is reported, survived and found again`, () =>
      onDatabase(server, async (storage) => {
        await Promise.all(Array.from({ length: 8 }, () => write(storage)));
        await server.kill(signal);
        await pause(50);
        await expectFault('STORAGE_UNAVAILABLE', write(storage));
        await expectFault('STORAGE_UNAVAILABLE', storage.probe());
        await expectFault('STORAGE_UNAVAILABLE', storage.lease('job', 'ada', 1_000));
        await expectFault('STORAGE_UNAVAILABLE', storage.migrate([tables]));
        await server.restart();
        await recovers(storage);
      }));
  }

  test('writes under way when the server ends fail, and what was acknowledged is there afterwards', () =>
    onDatabase(server, async (storage) => {
      const acknowledged: number[] = [];
      const answers = Array.from({ length: 800 }, (_, seat) =>
        storage
          .write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat }))
          .then(() => acknowledged.push(seat))
          .catch((error: unknown) => assert.ok(isFault(error) && error.kind === 'unavailable', String(error))),
      );
      for (let waited = 0; acknowledged.length < 100 && waited < 5_000; waited++) await pause(1);
      await server.kill('SIGINT');
      await Promise.all(answers);
      assert.ok(acknowledged.length < 800);
      await server.restart();
      await recovers(storage);
      const there = await storage.read(platform, (tx) => tx.all(seats.all, {}));
      const kept = new Set(there.map(({ seat }) => seat));
      assert.deepEqual(
        acknowledged.filter((seat) => !kept.has(seat)),
        [],
      );
    }));

  test('a server that is not there at all is unavailable', async () => {
    const storage = createPostgresStorage({ url: 'postgres://u:hunter2@127.0.0.1:1/x', clock: systemClock });
    const fault = await storage.probe().catch((error: unknown) => error);
    assert.ok(isFault(fault, 'STORAGE_UNAVAILABLE'));
    assert.doesNotMatch(String(fault.cause), /hunter2/);
    await storage.close();
  });
}
