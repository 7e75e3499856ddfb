import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { configSchema } from './config.ts';
import { pack, unpack } from './worker-config.ts';

const MASTER = Buffer.alloc(32, 7).toString('base64');

test('a configuration comes to another thread as it was, its secrets included', () => {
  const config = configSchema.parse({
    masterKey: MASTER,
    databaseUrl: 'postgres://u:p@localhost/db',
    trustedProxies: ['10.0.0.0/8'],
    workers: 2,
  });
  const alerts = { webhook: { secret: new Uint8Array([1, 2, 3]) } };
  const { config: arrived, alerts: told } = unpack(structuredClone(pack({ config, alerts })));
  assert.deepEqual(told, alerts);
  assert.equal(arrived.masterKey?.reveal(), MASTER);
  assert.equal(arrived.databaseUrl?.reveal(), 'postgres://u:p@localhost/db');
  assert.equal(JSON.stringify(arrived), JSON.stringify(config));
  assert.doesNotMatch(JSON.stringify(arrived), /postgres:/);
});

test('what cannot be handed to a thread is refused with the setting that asks for threads', () => {
  const config = Object.assign(configSchema.parse({}), { hook: () => undefined });
  assert.throws(
    () => pack(config),
    (error) => isFault(error, 'CONFIG_INVALID') && JSON.stringify(error.facts).includes('TWINKEEP_WORKERS'),
  );
});
