import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKit, KIT_PASSWORD } from '../testing/index.ts';

const SECRET = 'hG7wQz2VxN9rTb4LmK8sYc3Jd6PfA1uE';
const MASTER_KEY = 'wJ4nPr0cS9tVbXe2Lq7GdHk5YzAfMu1oTi8WxRjN3Es=';

// Attack: a proxy that speaks TLS and is not among the trusted ones stands before us, and a later request goes in the clear.
test('in production every cookie is for TLS alone, whether or not we are told of it', async () => {
  const profile = {
    'digital-twin-v2': { secret: SECRET },
    aivillage: { secret: SECRET, prefix: '/av', delivery: 'cookies' as const },
    coretwin: { secret: SECRET, prefix: '/ct', delivery: 'both' as const },
  };
  const profiles = ['digital-twin-v2' as const, 'aivillage' as const, 'coretwin' as const];
  for (const production of [true, false]) {
    const kit = await createKit({ config: { production, profiles, profile, masterKey: MASTER_KEY } });
    try {
      for (const path of ['/v1/login', '/api/auth/login', '/av/auth/login', '/ct/api/v1/auth/login']) {
        const delivery = path === '/v1/login' ? { delivery: 'cookie' } : {};
        const body = { username: 'admin', password: KIT_PASSWORD, ...delivery };
        const { status, headers, text } = await kit.call('POST', path, { body });
        assert.equal(status, 200, text);
        const lines = headers.getSetCookie();
        assert.ok(lines.some((line) => line.startsWith('tk_known=')));
        assert.deepEqual(
          lines.filter((line) => /; Secure/.test(line) !== production),
          [],
          path,
        );
      }
    } finally {
      await kit.close();
    }
  }
});
