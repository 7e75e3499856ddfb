import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createSystemRandom } from '../kernel/random.ts';
import { type EmbeddedVaultOptions, openEmbeddedVault } from './index.ts';

const main = 'main';
const place = { table: 'users', column: 'email', row: '42' };
const offered = (value: string) => ({ kind: 'value', place, value }) as const;
const nobody = { principal: { kind: 'anonymous' } } as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-embedded-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const newKey = () => createSystemRandom().bytes(32).toString('base64');

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
  await assert.rejects(second.open('other', place, sealed), { code: 'VAULT_KEY_UNKNOWN' });
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

// Attack: a second program opens the same file, and destroys a key under which the first goes on sealing.
test('a second vault on the same file is refused, by whatever name it is called, until the first is closed', async () => {
  const first = await open();
  const refused = { code: 'STORAGE_LOCKED' };
  await assert.rejects(open(), refused);
  mkdirSync(join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'vault.db'), join(folder, 'elsewhere', 'other.db'));
  await assert.rejects(open({ database: `sqlite:${join(folder, 'elsewhere', 'other.db')}` }), refused);
  const { sealed } = await first.seal(main, place, 'x');
  await Promise.all([first.close(), first.close()]);
  const second = await open();
  assert.equal((await second.open(main, place, sealed)).text, 'x');
  await second.close();
});

test('an opening that fails leaves the file to the next', async () => {
  await (await open()).close();
  await assert.rejects(open({ masterKey: { base64: newKey() } }), { code: 'VAULT_MASTER_KEY' });
  await (await open()).close();
});

test('the master key in a file is replaced while values stay as they are', async () => {
  const actions: string[] = [];
  const vault = await open({ onEntry: ({ action }) => actions.push(action) });
  const { sealed } = await vault.seal(main, place, 'x');
  const { from, to, keys, unreadable } = await vault.rotateMaster();
  assert.notEqual(from, to);
  assert.deepEqual({ keys, unreadable }, { keys: 1, unreadable: 0 });
  assert.deepEqual(actions, ['vault.master_rotated', 'vault.master_rotated']);
  await vault.close();
  assert.ok(readdirSync(folder).includes(`master.key.previous-${from}`));
  rmSync(join(folder, `master.key.previous-${from}`));
  const again = await open();
  assert.equal((await again.open(main, place, sealed)).text, 'x');
  await again.close();
});

test('a master key that is handed in is followed by the next one, which is handed in with it', async () => {
  const [old, next] = [newKey(), newKey()];
  const first = await open({ masterKey: { base64: old } });
  const { sealed } = await first.seal(main, place, 'x');
  await assert.rejects(first.rotateMaster(), { code: 'VAULT_MASTER_FIXED', facts: { reason: NEXT } });
  await first.close();
  const both = await open({ masterKey: { base64: next }, previousMasterKeys: [{ base64: old }] });
  assert.equal((await both.open(main, place, sealed)).text, 'x');
  await both.close(); // awaits what it does at its start
  const inFile = { masterKey: { file: join(folder, 'master.key') }, previousMasterKeys: [{ base64: next }] };
  for (const options of [{ masterKey: { base64: next } }, inFile, {}]) {
    const vault = await open(options);
    assert.equal((await vault.open(main, place, sealed)).text, 'x');
    await vault.close();
  }
  await assert.rejects(open({ masterKey: { base64: old } }), { code: 'VAULT_MASTER_KEY' });
});

const NEXT = 'open the vault with another masterKey, and with this one in previousMasterKeys';

// Attack: texts and names that differ in lone surrogates alone are one and the same as UTF-8.
test('text and places with lone surrogates are refused rather than changed', async () => {
  const vault = await open();
  const refused = { code: 'VAULT_TEXT_INVALID', kind: 'unprocessable' };
  await assert.rejects(vault.seal(main, place, 'a\ud800b'), refused);
  const { sealed } = await vault.seal(main, { ...place, row: '\ufffd' }, 'x');
  await assert.rejects(vault.seal(main, { ...place, row: '\ud800' }, 'x'), refused);
  await assert.rejects(vault.open(main, { ...place, row: '\ud801' }, sealed), refused);
  const old = vault.fieldFunctions({ profile: 'digital-twin-v2', writes: 'envelope' });
  await assert.rejects(old.encryptSensitiveField('x', '\ud800'), refused);
  await vault.close();
});

test('a tenant is any name of letters, digits, hyphens and underscores, and nothing else is taken for one', async () => {
  const vault = await open();
  const { sealed } = await vault.seal('hall-3', place, 'x');
  assert.equal((await vault.keys.status('hall-3')).versions.length, 1);
  for (const name of ['', 'a b', '../x', 'x\n']) await assert.rejects(vault.open(name, place, sealed), TypeError);
  await assert.rejects(vault.keys.status(''), TypeError);
  const old = vault.fieldFunctions({ profile: 'p', writes: 'envelope', tenant: 'hall-3' });
  assert.equal(await old.decryptData(await old.encryptData('y')), 'y');
  await vault.close();
});
