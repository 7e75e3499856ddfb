import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf, type StartedServer } from '../started.ts';

const FLASK_SECRET = 'mV5kRz9TqB2wXc7NhJ4sLd8GpY3fAe6U';

async function loginTo(server: StartedServer): Promise<string> {
  const body = { username: 'admin', password: KIT_PASSWORD };
  const answer = await server.call('POST', '/api/login', { body });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.access_token;
}

test('A12 JWT_SECRET_KEY comes from the environment or a mounted file, and another one ends every token', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', NODE_ENV: 'production' });
  const first = await place.start({ JWT_SECRET_KEY: SECRET, SECRET_KEY: FLASK_SECRET });
  const token = await loginTo(first);
  const [head, body, signature] = token.split('.');
  assert.equal(createHmac('sha256', SECRET).update(`${head}.${body}`).digest('base64url'), signature);
  const { exp = 0, iat = 0 } = decodeJwt(token);
  assert.ok([86_400, 86_399].includes(exp - iat)); // it ends with its session, which may have begun in the second before
  const { stderr } = await first.running.stop('SIGTERM');
  for (const secret of [SECRET, FLASK_SECRET]) assert.ok(!stderr.includes(secret), 'nor is it in a log');

  const second = await place.start({ JWT_SECRET_KEY_FILE: place.write('secret', `${FLASK_SECRET}\n`) });
  const other = await loginTo(second);
  const [head2, body2, signature2] = other.split('.');
  assert.equal(createHmac('sha256', FLASK_SECRET).update(`${head2}.${body2}`).digest('base64url'), signature2);
});

test('A12 without it, with an empty one or with one of a guide there is no start: none is hard-coded', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', NODE_ENV: 'production' });
  for (const env of [{}, { JWT_SECRET_KEY: '' }, { SECRET_KEY: FLASK_SECRET }]) {
    const { stderr } = await place.refused(env);
    assert.match(stderr, /Required secret JWT_SECRET_KEY not found/);
  }
  for (const bad of ['your-secret-key', 'dev', 'super-secret-key-change-me', 'jwt-secret-string', 'a'.repeat(32)]) {
    const flaws = flawsOf(await place.refused({ JWT_SECRET_KEY: bad }));
    assert.match(flaws[0]?.at ?? '', /JWT_SECRET_KEY$/, bad);
  }
});

test('A12 no secret is written to the data folder or shown by a command', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', JWT_SECRET_KEY: SECRET });
  const server = await place.start();
  await loginTo(server);
  await server.running.stop('SIGTERM');
  for (const entry of readdirSync(place.folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    assert.ok(!readFileSync(path, 'latin1').includes(SECRET), path);
  }
  const { stdout } = await place.cli.look(['config', 'check', '--json']);
  assert.ok(stdout.includes('[secret]') && !stdout.includes(SECRET));
});
