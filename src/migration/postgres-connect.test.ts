import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { openForeign } from './open.ts';

const FIELDS = { table: 'users', key: ['id'], columns: ['email'] };

async function refusalOf(url: string): Promise<{ readonly reason: string; readonly everything: string }> {
  try {
    await openForeign(url, FIELDS);
  } catch (error) {
    assert.ok(isFault(error), String(error));
    assert.equal(error.code, 'MIGRATION_DATABASE');
    const { message, stack, cause, facts } = error;
    const inner = cause instanceof Error ? [cause.message, cause.stack, JSON.stringify(cause)] : [cause];
    return {
      reason: String(facts['reason']),
      everything: [message, stack, JSON.stringify(facts), ...inner].join('\n'),
    };
  }
  throw new assert.AssertionError({ message: `${url} was connected to` });
}

// Attack: the beginning of a password is taken for a host or a port, and told to name servers, logs and screens.
test('a URL whose password is not percent-encoded is refused with how to write it, and never shown', async () => {
  for (const password of [
    'hunter2#x',
    '4711#x',
    'hunter2/x',
    '4711/x',
    'hunter2?x',
    '4711?x',
    'hunter2%x',
    '4711@/x',
  ]) {
    const { reason, everything } = await refusalOf(`postgresql+psycopg://ada:${password}@127.0.0.1:1/app`);
    assert.match(reason, /%23 %2F %3F %25/, password);
    assert.equal(/hunter2|4711/.test(everything), false, password);
  }
});

test('what is no URL at all is refused in the same way', async () => {
  for (const url of [
    'postgres://ada:hunter2@[::1/app',
    'postgres://ada:hunter2@127.0.0.1:99999/app',
    'postgres://%ff@h/',
  ]) {
    const { reason, everything } = await refusalOf(url);
    assert.match(reason, /is not written as/, url);
    assert.equal(everything.includes('hunter2'), false, url);
  }
});

test('an encoded password goes as far as the server', async () => {
  const { reason } = await refusalOf(`postgres://ada:${encodeURIComponent('h#/?%@:[2')}@127.0.0.1:1/app`);
  assert.match(reason, /cannot be reached: .*ECONNREFUSED/);
});

test('a certificate file that is not there is told by its name', async () => {
  const { reason } = await refusalOf('postgres://ada@127.0.0.1:1/app?sslrootcert=/nowhere/ca.pem');
  assert.match(reason, /ENOENT.*\/nowhere\/ca\.pem/);
});
