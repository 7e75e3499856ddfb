import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PersonId } from '../kernel/brand.ts';
import { personId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Places } from './places.ts';
import type { Device } from './session.ts';
import { actor, ada, createSessionsKit, type SessionsKit } from './sessions-kit.contract.ts';
import type { UnusualSignIn } from './unusual.ts';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; rv:131.0) Gecko/20100101 Firefox/131.0';
const SAFARI = 'Mozilla/5.0 (Macintosh; Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.6 Safari/605.1.15';
const home: Device = { userAgent: FIREFOX, address: '192.0.2.7' };

/** Where a database would say that they are. */
const COUNTRIES: Readonly<Record<string, string>> = { '192.0': 'DE', '192.1': 'DE', '198.51': 'FR' };
const places: Places = {
  of: async (address) => {
    const country = COUNTRIES[address.split('.').slice(0, 2).join('.')];
    return country === undefined ? undefined : { country, name: country };
  },
};

let kit: SessionsKit;
const published: UnusualSignIn[] = [];
const mails: string[] = [];
before(async () => {
  kit = await createSessionsKit(undefined, undefined, {
    places,
    notices: {
      publish: async (tx, signIn) => tx.afterCommit(() => published.push(signIn)),
      notify: async (tx, _, text) => tx.afterCommit(() => mails.push(text)),
    },
  });
});
after(() => kit.storage.close());

/** A sign-in as the flow does one: the device is kept first. @returns the cookie */
async function signIn(person: PersonId, device: Device, cookie?: string): Promise<string> {
  kit.clock.advance(1_000);
  const kept = await kit.storage.write(platform, (tx) =>
    kit.sessions.devices.keep(tx, actor, person, { token: cookie, device }),
  );
  await kit.sessions.start(actor, { ...ada, personId: person, knownDeviceId: kept.id }, device);
  return kept.token;
}

const reasons = () => published.splice(0).map((one) => one.reasons);

test('the first sign-in of all is held against nothing, and a known device against nothing either', async () => {
  const person = personId('nina');
  const cookie = await signIn(person, home);
  await signIn(person, { userAgent: SAFARI, address: '198.51.100.7' }, cookie);
  assert.deepEqual(reasons(), []);
});

test('a new device where and as usual is nothing to tell of', async () => {
  const person = personId('nele');
  await signIn(person, home);
  await signIn(person, { ...home, address: '192.0.200.1' });
  assert.deepEqual(reasons(), []);
});

// Attack: somebody else signs in with a stolen password, from their own computer.
test('a sign-in from a new device that is unlike those before is recorded, published, and told to the person', async () => {
  const person = personId('nora');
  await signIn(person, home);
  mails.length = 0;
  await signIn(person, { userAgent: SAFARI, address: '198.51.100.7' });
  const entry = kit.entries.find(
    ({ action, facts }) => action === 'session.suspicious' && facts?.['person'] === person,
  );
  assert.deepEqual(entry?.facts?.['reasons'], ['device', 'network', 'agent', 'country']);
  const [told] = published;
  assert.deepEqual(
    [told?.personId, told?.device, told?.address, told?.place?.country],
    [person, 'Safari on macOS', '198.51.100.7', 'FR'],
  );
  assert.deepEqual(reasons(), [['network', 'agent', 'country']]);
  assert.equal(mails.length, 1);
  for (const part of ['Safari on macOS', '198.51.100.7', 'FR', 'change your password'])
    assert.ok(mails[0]?.includes(part), part);

  await signIn(person, { userAgent: SAFARI, address: '198.51.100.8' });
  assert.deepEqual(reasons(), [], 'once it was seen it is usual');
});

test('a client that keeps no cookie is told of only where it is unlike those before', async () => {
  const person = personId('nils');
  for (let i = 0; i < 3; i++) await kit.sessions.start(actor, { ...ada, personId: person }, home);
  assert.deepEqual(reasons(), []);
  await kit.sessions.start(actor, { ...ada, personId: person }, { ...home, address: '192.1.2.3' });
  assert.deepEqual(reasons(), [['network']]);
});

test('what was usual is forgotten with the key of its person, and stands nowhere in the clear', async () => {
  const person = personId('nuno');
  await signIn(person, home);
  await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, person));
  await signIn(person, { userAgent: SAFARI, address: '198.51.100.7' });
  assert.deepEqual(reasons(), [], 'there is nothing left to hold it against');
  await kit.storage.write(platform, (tx) => kit.sessions.devices.forgetAll(tx, person));
  assert.deepEqual(await kit.sessions.devices.list(person), []);
});

test('a person who wants no notices gets none, and the record is made all the same', async () => {
  const own: string[] = [];
  const quiet = await createSessionsKit(undefined, undefined, {
    settings: { noticeNewDevice: false },
    notices: { publish: async () => void own.push('published'), notify: async () => void own.push('mailed') },
  });
  try {
    await quiet.sessions.start(actor, ada, home);
    await quiet.sessions.start(actor, ada, { userAgent: SAFARI, address: '198.51.100.7' });
    assert.deepEqual(own, ['published']);
    assert.equal(quiet.entries.at(-1)?.action, 'session.suspicious');
  } finally {
    await quiet.storage.close();
  }
});
