import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openPostgresStorage, type Storage } from '../src/storage/index.ts';
import {
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  serverSuite,
  startPostgres,
  type TestClock,
} from '../src/testing/index.ts';
import { type Belongings, enrol, type Intruder, PERSON_CASES, settlePerson, viewOfPerson } from './stranger-people.ts';

/** Ids in the path that are no person's: of the tenant, or of the platform, and shown in test/stranger.test.ts. */
const OF_TENANTS =
  /\/(?:api-keys|audit|backups|blocks|deliveries|invitations|machines|readings|tenants|token-keys|users|vault|webhooks)\b/;

function neighbourSuite(database: string, openStorage?: (clock: TestClock) => Promise<Storage>): void {
  describe(`another person of the same tenant, on ${database}`, () => {
    let kit: Kit;
    let vera: Belongings;
    let nina: Intruder;
    before(async () => {
      const clock = createTestClock();
      kit = await createKit({ clock, storage: await openStorage?.(clock) });
      for (const name of ['vera', 'nina']) await kit.person(name, 'viewer');
      vera = await settlePerson(kit, 'vera');
      const enrolled = await enrol(kit, 'nina');
      const call: Intruder['call'] = (method, path, more) => kit.call(method, path, { token: enrolled.token, ...more });
      nina = { ...enrolled, call };
    });
    after(() => kit.close());

    test('every route that names something of a person by its id has a case', () => {
      const named = kit.twinkeep.ledger.filter(({ path }) => path.includes(':id') && !OF_TENANTS.test(path));
      for (const { method, path } of named) assert.ok(`${method} ${path}` in PERSON_CASES, `${method} ${path}`);
      const known = new Set(kit.twinkeep.ledger.map(({ method, path }) => `${method} ${path}`));
      assert.deepEqual(
        Object.keys(PERSON_CASES).filter((route) => !known.has(route)),
        [],
      );
    });

    for (const [route, tried] of Object.entries(PERSON_CASES)) {
      // Attack: a colleague who is signed in with both factors names what is somebody else's.
      test(`${route} shows, changes and ends nothing of somebody else`, async () => {
        const untouched = await viewOfPerson(kit, vera);
        for (const { text } of await tried(nina, vera, kit)) {
          for (const mark of vera.marks) assert.ok(!text.includes(mark), `it revealed ${mark}: ${text}`);
        }
        assert.deepEqual(await viewOfPerson(kit, vera), untouched);
      });
    }

    // Attack: somebody ends, removes and changes all that they can reach, to hit others with it.
    test('whoever ends all sessions of their own, changes the password or deletes the account hits nobody else', async () => {
      const untouched = await viewOfPerson(kit, vera);
      const password = 'another horse of a battery staple';
      const { id, token } = await kit.person('leaver', 'viewer');
      const changed = await kit.call('POST', '/v1/password', { token, body: { current: KIT_PASSWORD, password } });
      assert.equal(changed.status, 204, changed.text);
      const again = await kit.signIn('leaver', password);
      assert.equal((await kit.call('POST', '/v1/logout-all', { token: again })).status, 200);
      assert.equal((await kit.call('GET', '/v1/me', { token: again })).status, 401);
      kit.clock.advance(1); // what began in the same moment ended, too
      const last = await kit.signIn('leaver', password);
      const left = await kit.call('DELETE', '/v1/me', { token: last });
      assert.equal(left.status, 204, left.text);
      const gone = await kit.call('PATCH', `/v1/users/${id}`, { token: await kit.signIn(), body: { disabled: false } });
      assert.equal(gone.status, 404);
      assert.deepEqual(await viewOfPerson(kit, vera), untouched);
    });

    test('after all that the waiting sign-in of the person goes on with their own code', async () => {
      const answer = await kit.call('POST', '/v1/login/verify', { body: { ticket: vera.ticket, code: vera.code() } });
      assert.equal(answer.status, 200, answer.text);
    });
  });
}

neighbourSuite('SQLite');

await serverSuite('PostgreSQL', startPostgres, (server) => {
  neighbourSuite('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
