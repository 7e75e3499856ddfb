import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createKit, createTestClock, type Kit, serverSuite, startPostgres, type TestClock } from '../testing/index.ts';
import { isEndedKey } from './errors.ts';
import { newKey } from './key.ts';

type Open = (clock: TestClock) => Promise<Storage>;

/** @param open the database that is tried */
function suite(open: Open): void {
  let kit: Kit;
  before(async () => {
    const clock = createTestClock();
    kit = await createKit({ clock, storage: await open(clock) });
  });
  after(() => kit.close());

  async function make(more: object): Promise<{ readonly id: string; readonly key: string }> {
    const body = { name: 'pump', scopes: ['read'], ...more };
    return (await kit.call('POST', '/v1/api-keys', { token: await kit.signIn(), body })).json;
  }

  async function refusalOf(key: string): Promise<unknown> {
    try {
      await kit.twinkeep.house.apiKeys.verify(key);
    } catch (error) {
      return error;
    }
    return assert.fail('it was let in');
  }

  test('a key that was revoked or ran out is told from one that never was, by us alone', async () => {
    const revoked = await make({});
    const token = await kit.signIn();
    assert.equal((await kit.call('DELETE', `/v1/api-keys/${revoked.id}`, { token })).status, 204);
    const short = await make({ expires_in: 3_600 });
    kit.clock.advance(3_601_000);
    while (!kit.twinkeep.house.revocations.fresh()) await new Promise((resolve) => setImmediate(resolve));
    const unknown = newKey(createSystemRandom()).text;
    const answers = [];
    for (const [key, ended] of [
      [revoked.key, true],
      [short.key, true],
      [unknown, false],
    ] as const) {
      assert.equal(isEndedKey(await refusalOf(key)), ended);
      const { status, json } = await kit.call('GET', '/v1/me', { key });
      answers.push({ status, ...json, instance: '' });
    }
    assert.equal(answers[0]?.status, 401);
    assert.deepEqual(answers[1], answers[0]);
    assert.deepEqual(answers[2], answers[0]);
  });

  // Attack: the public part of a key that was revoked is known, and its secret is guessed for nothing.
  test('a guess at a key that has ended is a guess', async () => {
    const { id, key } = await make({});
    await kit.call('DELETE', `/v1/api-keys/${id}`, { token: await kit.signIn() });
    const { text } = newKey(createSystemRandom());
    assert.equal(isEndedKey(await refusalOf(text)), false);
    const bad = `${key.slice(0, 20)}${key[20] === 'x' ? 'y' : 'x'}${key.slice(21)}`;
    assert.equal(isEndedKey(await refusalOf(bad)), false);
  });
}

const sqlite: Open = async (clock) => createSqliteStorage({ file: ':memory:', clock });

describe('ended keys on SQLite', () => suite(sqlite));

await serverSuite('ended keys on PostgreSQL', startPostgres, (server) =>
  suite(async (clock) => openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined })),
);
