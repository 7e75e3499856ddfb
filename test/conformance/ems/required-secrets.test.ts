import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig, VARIABLES } from '../../../src/app/index.ts';
import { isFault } from '../../../src/kernel/errors.ts';
import { FIELD_KEY, type ProfileName, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf, type Place } from '../started.ts';

/** What each of the five systems cannot do without. */
const REQUIRED = {
  'digital-twin-v1': ['JWT_SECRET_KEY'],
  'digital-twin-v2': ['JWT_SECRET_KEY', 'ENCRYPTION_KEY'],
  ems: ['JWT_SECRET_KEY'],
  aivillage: ['JWT_SECRET_KEY', 'DIGITAL_TWIN_MASTER_KEY'],
  coretwin: ['JWT_SECRET_KEY'],
} as const satisfies Record<ProfileName, readonly string[]>;

const VALUES = { JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY, DIGITAL_TWIN_MASTER_KEY: FIELD_KEY };
const PLACEHOLDERS = {
  JWT_SECRET_KEY: 'change-me-in-production',
  ENCRYPTION_KEY: Buffer.from('changeme'.repeat(4)).toString('base64'),
  DIGITAL_TWIN_MASTER_KEY: Buffer.alloc(32, 'x').toString('base64'),
};

const PROFILES = Object.entries(REQUIRED);
type Name = keyof typeof VALUES;
const envOf = (names: readonly Name[], value: (name: Name) => readonly [string, string]) =>
  Object.fromEntries(names.map(value));

/** Starts what must not start. @returns the sentences that it ended with, without the way out */
async function endedWith(place: Place, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const ended = await place.refused(env);
  assert.equal(ended.stdout, '', 'nothing was served');
  return flawsOf(ended).map(({ reason }) => reason.split(/[;:]/)[0] ?? '');
}

/** What the start would end with, asked of the same function in this process: forty starts take half a minute. */
async function wouldEndWith(profile: string, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const error: unknown = await loadConfig({ TWINKEEP_PROFILE: profile, ...env }).then(
    () => assert.fail('it would start'),
    (refusal: unknown) => refusal,
  );
  assert.ok(isFault(error, 'CONFIG_INVALID'));
  const { errors } = error.facts;
  assert.ok(Array.isArray(errors));
  return errors.map((flaw) => String(Object(flaw).reason).split(/[;:]/)[0] ?? '');
}

for (const [profile, names] of PROFILES) {
  test(`D15 E19 ${profile} does not start while one of its secrets is absent or empty, in variable or file`, async (t) => {
    const place = createPlace(t, { TWINKEEP_PROFILE: profile });
    const empty = place.write('empty', '\n');
    const sentences = names.map((name) => `Required secret ${name} not found`);
    assert.deepEqual(await endedWith(place, {}), sentences);
    const unset = envOf(names, (name) => [name, '']);
    assert.deepEqual(await wouldEndWith(profile, unset), sentences);
    const inFiles = envOf(names, (name) => [`${name}_FILE`, empty]);
    const files = await wouldEndWith(profile, inFiles);
    assert.deepEqual(new Set(files), new Set(sentences));
    for (const missing of names) {
      const others = names.filter((name) => name !== missing);
      const given = envOf(others, (name) => [name, VALUES[name]]);
      const found = await wouldEndWith(profile, given);
      assert.deepEqual(found, [`Required secret ${missing} not found`]);
    }
  });

  test(`D15 ${profile} refuses a placeholder in the place of a secret, and never shows what it was given`, async (t) => {
    const place = createPlace(t, { TWINKEEP_PROFILE: profile });
    for (const name of names) {
      const env = envOf(names, (own) => [own, own === name ? PLACEHOLDERS[own] : VALUES[own]]);
      const ended = await place.refused(env);
      const flaws = flawsOf(ended);
      assert.equal(flaws.length, 1, ended.stderr);
      assert.ok(flaws[0]?.at.endsWith(name), ended.stderr);
      for (const value of Object.values(env)) assert.ok(!ended.stderr.includes(value), name);
    }
    const env = envOf(names, (name) => [name, VALUES[name]]);
    const { code, stdout, stderr } = await place.cli.look(['config', 'check'], env);
    assert.equal(code, 0, stderr);
    assert.ok(stdout.includes('[secret]'));
    for (const value of Object.values(env)) assert.ok(!`${stdout}${stderr}`.includes(value));
  });
}

test('D15 the secret of one profile does not stand in for that of another', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'ems,digital-twin-v2', ENCRYPTION_KEY: FIELD_KEY });
  const found = await endedWith(place, { EMS_JWT_SECRET_KEY: SECRET });
  assert.deepEqual(found, ['Required secret JWT_SECRET_KEY not found']);
});

test('D15 a secret of Twinkeep itself that is set, and empty, is no secret either', async (t) => {
  const place = createPlace(t);
  const empty = place.write('empty', '\n');
  for (const { name } of VARIABLES.filter(({ secret }) => secret)) {
    for (const env of [{ [name]: '' }, { [`${name}_FILE`]: empty }, { [`${name}_FILE`]: '/absent' }]) {
      await assert.rejects(loadConfig(env), (error) => {
        assert.ok(isFault(error, 'CONFIG_INVALID'));
        assert.ok(JSON.stringify(error.facts).includes(`Required secret ${name} not found`), JSON.stringify(env));
        return true;
      });
    }
  }
});
