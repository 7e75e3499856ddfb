import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

/** A reference to a variable, as configuration files have them. */
const ref = (name: string): string => `$\{${name}}`;

/** As its guide has them. */
const GUIDE = {
  TWINKEEP_PROFILE: 'coretwin',
  JWT_SECRET_KEY: SECRET,
  JWT_ALGORITHM: 'HS256',
  JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '30',
  JWT_REFRESH_TOKEN_EXPIRE_DAYS: '7',
};

test('C09 its JWT_ variables are taken as its guide has them, in minutes and days', async (t) => {
  const place = createPlace(t, GUIDE);
  const { json } = await place.cli.look(['config', 'check', '--json']);
  const { accessMs, refreshMs, algorithm, secret } = json.profile.coretwin;
  assert.deepEqual([accessMs, refreshMs, algorithm, secret], [1_800_000, 604_800_000, 'HS256', '[secret]']);
  const server = await place.start({ JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '5' });
  const body = { username: 'admin', password: KIT_PASSWORD };
  const { json: grant } = await server.call('POST', LOGIN.coretwin, { body });
  const { exp, iat } = decodeJwt(grant.access_token);
  assert.deepEqual([Number(exp) - Number(iat), grant.expires_in], [300, 300]);
  assert.equal(typeof grant.refresh_token, 'string');
});

test('C09 a bad value of theirs stops the start', async (t) => {
  const place = createPlace(t, GUIDE);
  const bad: readonly Record<string, string>[] = [
    { JWT_ALGORITHM: 'none' },
    { JWT_ALGORITHM: 'HS512' },
    { JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '30m' },
    { JWT_REFRESH_TOKEN_EXPIRE_DAYS: '0' },
    { JWT_REFRESH_TOKEN_EXPIRE_DAYS: '100000' },
    { JWT_SECRET_KEY: '' },
  ];
  for (const env of bad) assert.ok(flawsOf(await place.refused(env)).length > 0, JSON.stringify(env));
});

test('C09 a name in $ and braces in a configuration file is filled in from the environment, wherever it stands', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'coretwin' });
  place.write('twinkeep.config.json', {
    issuer: `https://${ref('SITE')}.example/${ref('SITE')}`,
    profile: { coretwin: { secret: ref('TWIN_SECRET'), corsOrigins: [`https://app.${ref('SITE')}.example`] } },
  });
  const env = { SITE: 'coretwin', TWIN_SECRET: SECRET };
  const { json, stderr } = await place.cli.look(['config', 'check', '--json'], env);
  assert.equal(json?.issuer, 'https://coretwin.example/coretwin', stderr);
  assert.deepEqual(json.profile.coretwin.corsOrigins, ['https://app.coretwin.example']);
  const server = await place.start(env);
  const body = { username: 'admin', password: KIT_PASSWORD };
  assert.equal((await server.call('POST', LOGIN.coretwin, { body })).status, 200);
});

test('C09 a name that is not set stops the start, with the place where it stands', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'coretwin' });
  place.write('twinkeep.config.json', { profile: { coretwin: { secret: ref('TWIN_SECRET') } } });
  const flaws = flawsOf(await place.refused());
  assert.ok(flaws.some(({ at, reason }) => at.includes('profile.coretwin.secret') && reason.includes('TWIN_SECRET')));
  // Attack: what is filled in is looked at for names again, and tells another variable.
  const { json } = await place.cli.look(['config', 'check', '--json'], {
    TWIN_SECRET: SECRET,
    TWINKEEP_ISSUER: 'https://a.example',
  });
  assert.equal(json.issuer, 'https://a.example');
  place.write('twinkeep.config.json', { issuer: ref('OUTER'), profile: { coretwin: { secret: SECRET } } });
  const nested = await place.cli.look(['config', 'check', '--json'], {
    OUTER: ref('TWIN_SECRET'),
    TWIN_SECRET: 'x',
  });
  assert.equal(nested.json.issuer, ref('TWIN_SECRET'));
});
