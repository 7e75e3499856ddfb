import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { type EmbeddedVaultOptions, openEmbeddedVault } from './index.ts';

const main = tenantId('main');
const place = { table: 'users', column: 'email', row: '42' };
const offered = (value: string) => ({ kind: 'value', place, value }) as const;
const nobody = { principal: { kind: 'anonymous' } } as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-embedded-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (more: Partial<EmbeddedVaultOptions> = {}) =>
  openEmbeddedVault({
    database: `sqlite:${join(folder, 'vault.db')}`,
    masterKey: { file: join(folder, 'master.key') },
    ...more,
  });

test('a program without the server seals, ends, starts again, and opens', async () => {
  const first = await open();
  const { sealed } = await first.seal(main, place, 'vera@twin.example');
  await first.close();
  assert.match(sealed, /^tk1\.v_/);
  assert.equal(statSync(join(folder, 'master.key')).mode & 0o777, 0o600);

  const second = await open();
  assert.equal((await second.open(main, place, sealed)).text, 'vera@twin.example');
  await assert.rejects(second.open(main, { ...place, row: '43' }, sealed), { code: 'VAULT_UNREADABLE' });
  await assert.rejects(second.open(tenantId('other'), place, sealed), { code: 'VAULT_KEY_UNKNOWN' });
  await second.close();
});

test('a rotation leaves values readable, and a key that values outside may need is not destroyed unasked', async () => {
  const actions: string[] = [];
  const vault = await open({ onEntry: ({ action }) => actions.push(action) });
  const { sealed, version } = await vault.seal(main, place, 'hall 3');
  await vault.keys.rotate({ tenant: main, reason: 'manual' }, nobody);
  assert.equal((await vault.open(main, place, sealed)).text, 'hall 3');
  const [anew] = await vault.rewrapMany(main, [offered(sealed)]);
  assert.ok(anew !== undefined && 'sealed' in anew && anew.changed);
  const destroy = vault.keys.destroy(main, version, { externalRewrapped: false }, nobody);
  await assert.rejects(destroy, { code: 'VAULT_KEY_NEEDED' });
  assert.deepEqual(actions, ['vault.key_rotated']);
  await vault.close();
});

test('the old names work with the forms that older programs read', async () => {
  const vault = await open();
  const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at * 7 + 3));
  await vault.keys.importLegacy(main, { algorithm: 'fernet', bytes: key }, nobody);
  const old = vault.fieldFunctions({ profile: 'digital-twin-v1', writes: 'fernet' });
  const token = await old.encryptData('secret meter');
  assert.match(token, /^gAAAAA/);
  const now = vault.fieldFunctions({ profile: 'digital-twin-v1', writes: 'envelope' });
  assert.equal(await now.decryptData(token), 'secret meter');
  assert.equal(await now.decryptSensitiveField(await now.encryptSensitiveField('x', 'email'), 'email'), 'x');
  await vault.close();
});

test('another master key is refused, and so is a database that is none', async () => {
  await (await open()).close();
  const base64 = Buffer.from(Array.from({ length: 32 }, (_, at) => 255 - at)).toString('base64');
  await assert.rejects(open({ masterKey: { base64 } }), { code: 'VAULT_MASTER_KEY' });
  await assert.rejects(open({ database: 'mysql://nowhere' }), TypeError);
  assert.ok(!readFileSync(join(folder, 'vault.db')).includes('vera@'));
});
