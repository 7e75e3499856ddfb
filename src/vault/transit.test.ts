import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import { isFault } from '../kernel/errors.ts';
import { createSecret } from '../kernel/secret.ts';
import type { TransitConfig } from './config.ts';
import { transitProvider } from './transit.ts';
import { type Mood, startTransit, type TransitStandIn } from './transit-stand-in.contract.ts';

let transit: TransitStandIn;
before(async () => {
  transit = await startTransit();
});
after(() => transit.stop());
afterEach(() => {
  transit.mood = 'well';
});

const configOf = (more: Partial<TransitConfig> = {}): TransitConfig => ({
  kind: 'transit',
  address: transit.address,
  token: createSecret(transit.token),
  mount: 'transit',
  key: 'twinkeep',
  ...more,
});

/** @returns the fault, which says why in `reason`, and nothing of the token */
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!isFault(error, 'VAULT_PROVIDER_AWAY')) throw error;
    const shown = `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error.facts)}`;
    assert.ok(!shown.includes(transit.token), shown);
    return String(error.facts['reason']);
  }
  return assert.fail('it was taken');
}

test('Transit makes a master key, and opens it from what it wrapped, also after it rotated its own key', async () => {
  const provider = transitProvider(configOf());
  const { bytes, wrapped } = await provider.make();
  assert.equal(bytes.reveal().length, 32);
  assert.ok(wrapped !== undefined && Buffer.from(wrapped).toString().startsWith('vault:v1:'));
  transit.rotate();
  assert.deepEqual((await provider.open(wrapped)).reveal(), bytes.reveal());
  const next = await provider.make();
  assert.match(Buffer.from(next.wrapped ?? '').toString(), /^vault:v2:/);
  assert.notDeepEqual(next.bytes.reveal(), bytes.reveal());
  assert.deepEqual(provider.held(), []);
});

test('the mount, the namespace and a token that is read anew from its file go along', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-transit-'));
  const tokenFile = join(folder, 'token');
  const provider = transitProvider(configOf({ token: undefined, tokenFile, namespace: 'twins/north' }));
  try {
    assert.match(await refusal(provider.make()), /cannot be read/);
    writeFileSync(tokenFile, 'hvs.another\n');
    assert.match(await refusal(provider.make()), /refuses the token/);
    writeFileSync(tokenFile, `${transit.token}\n`);
    await provider.make();
    const last = transit.seen.at(-1);
    assert.deepEqual(last, { path: '/v1/transit/decrypt/twinkeep', token: transit.token, namespace: 'twins/north' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('whatever Transit does but answer is one fault that says why, and neither the token nor the answer', async () => {
  const provider = transitProvider(configOf(), 300);
  const { wrapped = Buffer.alloc(0) } = await provider.make();
  const reasons: readonly [Mood, RegExp][] = [
    ['sealed', /sealed/],
    ['refusing', /refuses the token/],
    ['slow', /in time/],
    ['garbage', /something else/],
    ['cut', /cannot be reached/],
    ['endless', /too much|in time/],
    ['redirecting', /cannot be reached/],
  ];
  for (const [mood, reason] of reasons) {
    transit.mood = mood;
    assert.match(await refusal(provider.open(wrapped)), reason, mood);
    assert.match(await refusal(provider.make()), reason, mood);
  }
  transit.mood = 'short key';
  assert.match(await refusal(provider.make()), /something else/);
});

test('a key that Transit would not open again is not taken', async () => {
  const provider = transitProvider(configOf());
  transit.mood = 'no decrypt';
  assert.match(await refusal(provider.make()), /refuses the token/);
  transit.mood = 'other key';
  assert.match(await refusal(provider.make()), /another key/);
});

test('one who is not there, a wrong mount and a token that no header carries are told apart', async () => {
  assert.match(
    await refusal(transitProvider(configOf({ address: 'http://127.0.0.1:1' })).make()),
    /ECONNREFUSED|reached/,
  );
  assert.match(await refusal(transitProvider(configOf({ mount: 'elsewhere' })).make()), /no Transit/);
  const token = createSecret(`${transit.token}\nx-forged: 1`);
  assert.match(await refusal(transitProvider(configOf({ token })).make()), /token/);
});

// Attack: whoever writes the database hands Transit something else to open than what it wrapped for us.
test('what Transit has not wrapped, or was altered, does not open', async () => {
  const provider = transitProvider(configOf());
  const { wrapped = Buffer.alloc(0) } = await provider.make();
  await assert.rejects(provider.open(Buffer.from('../../sys/seal')), { code: 'VAULT_MASTER_KEY' });
  const altered = Buffer.from(wrapped);
  altered.writeUInt8(altered.readUInt8(20) === 0x41 ? 0x42 : 0x41, 20);
  assert.match(await refusal(provider.open(altered)), /does not open/);
});
