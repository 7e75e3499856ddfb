import assert from 'node:assert/strict';
import { test } from 'node:test';
import { days, minutes } from '../../../src/kernel/clock.ts';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { type Answer, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, type LogLine, type ProfileKit, startProfile } from '../profile-kit.ts';

type Settings = { readonly permanentBlocks?: boolean; readonly blockOnPattern?: boolean };

/** As a server does by itself. */
const INSPECTED = { detection: { inspection: { mode: 'block' as const } } };

async function withEms(settings: Settings, work: (kit: ProfileKit) => Promise<void>): Promise<void> {
  const kit = await startProfile('ems', { ...settings, limitsEnabled: false }, { config: INSPECTED });
  try {
    await work(kit);
  } finally {
    await kit.close();
  }
}

const HOSTILE = `/api/v1/data/secure?q=${encodeURIComponent("1' union select password from users--")}`;

const isBlocked = ({ status, json }: Answer): boolean => status === 403 && json?.detail === 'IP address blocked';

test('E15: one pattern blocks the address and is told as suspicious_pattern with its address and the pattern', () =>
  withEms({}, async (kit) => {
    const token = await kit.login();
    assert.equal((await kit.call('GET', HOSTILE)).status, 403);
    assert.ok(isBlocked(await kit.call('GET', '/api/v1/data/secure', { token })));
    assert.ok(isBlocked(await kit.call('GET', '/nothing')));
    const lines = await kit.log('security.log', ({ event }) => event.event_type === 'security_violation');
    const [told] = lines.filter(({ event }) => event.event_type === 'security_violation');
    assert.deepEqual([told?.level, told?.event.violation_type], ['ERROR', 'suspicious_pattern']);
    const { ip_address: ip, details, ...more } = told?.event.details ?? {};
    assert.deepEqual([ip, more], ['127.0.0.1', {}]);
    assert.ok(typeof details === 'string' && details.length > 0);
    kit.clock.advance(minutes(15));
    assert.ok(!isBlocked(await kit.call('GET', '/nothing')));
  }));

test('E15 X17: with permanentBlocks one pattern blocks until an operator lifts it, as in the old system', () =>
  withEms({ permanentBlocks: true }, async (kit) => {
    await kit.call('GET', HOSTILE);
    kit.clock.advance(days(400));
    assert.ok(isBlocked(await kit.call('GET', '/nothing')));
    const { blocks } = kit.twinkeep.house;
    await blocks.lift({ principal: { kind: 'operator', tenantId: MAIN_TENANT }, tenantId: MAIN_TENANT }, '127.0.0.1');
    assert.equal((await kit.call('GET', '/nothing')).status, 404);
  }));

// Attack: after a pattern the attacker goes on, with good credentials, at another door, or with what is no request.
test('E15: an address that a pattern blocked is refused before anything else is looked at', () =>
  withEms({}, async (kit) => {
    const token = await kit.login();
    const key = await kit.key('read');
    await kit.call('GET', '/api/v1/data/secure', { headers: { 'x-note': '<script>alert(1)</script>' } });
    const answers = [
      await kit.call('GET', '/api/v1/data/secure', { token }),
      await kit.call('GET', '/api/v1/data/secure', { key }),
      await kit.call('GET', '/api/v1/data/secure', { token: 'bad' }),
      await kit.call('POST', LOGIN.ems, { body: { username: 'admin', password: KIT_PASSWORD } }),
      await kit.call('POST', '/api/v1/data', { body: '{', headers: { 'content-type': 'application/json' } }),
      await kit.call('GET', HOSTILE),
      await kit.call('PUT', '/nothing'),
    ];
    for (const answer of answers) assert.ok(isBlocked(answer), `${answer.status} ${answer.text}`);
    assert.equal((await kit.call('GET', '/v1/me', { token })).status, 403, 'the native API too');
    const probe = await kit.call('GET', '/health');
    assert.equal(probe.status, 200, `probes are outside (D13): ${probe.text}`);
    const told = (lines: readonly LogLine[]) => lines.filter(({ event }) => event.event_type === 'security_violation');
    const lines = await kit.log(
      'security.log',
      ({ event }) => event.endpoint === '/v1/me' || event.endpoint === '/health',
    );
    assert.equal(told(lines).length, 1, 'the second pattern came to a closed door');
  }));

// Attack: all four kinds, one by one, each from an address of its own behind the balancer.
test('E15: each of the four kinds blocks the client that sent it, and nobody else behind the same balancer', async () => {
  const config = { ...INSPECTED, trustedProxies: ['127.0.0.1'] };
  const kit = await startProfile('ems', { limitsEnabled: false }, { config });
  try {
    const texts = ['../../etc/passwd', '<script>alert(1)</script>', "1' union select a from b--", '$'.concat('{7*7}')];
    for (const [index, text] of texts.entries()) {
      const headers = { 'x-forwarded-for': `203.0.113.${index + 1}` };
      const first = await kit.call('GET', `/api/v1/data/secure?q=${encodeURIComponent(text)}`, { headers });
      assert.equal(first.status, 403, text);
      assert.ok(isBlocked(await kit.call('GET', '/nothing', { headers })), text);
    }
    assert.equal((await kit.call('GET', '/nothing', { headers: { 'x-forwarded-for': '203.0.113.9' } })).status, 404);
    const isLast = ({ event }: LogLine): boolean => event.details?.ip_address === '203.0.113.4';
    const lines = (await kit.log('security.log', isLast)).filter(({ event }) => event.details !== undefined);
    assert.deepEqual(
      lines.map(({ event }) => [event.violation_type, event.details.ip_address]),
      texts.map((_, index) => ['suspicious_pattern', `203.0.113.${index + 1}`]),
    );
    const named = lines.map(({ event }) => String(event.details.details));
    for (const [index, kind] of ['traversal', 'xss', 'sqli', 'ssti'].entries())
      assert.match(named[index] ?? '', new RegExp(`^${kind}-`), 'which pattern it was');
  } finally {
    await kit.close();
  }
});

test('X17 without blockOnPattern attacks add up, and the fifth different one blocks', () =>
  withEms({ blockOnPattern: false }, async (kit) => {
    for (let each = 0; each < 5; each++) {
      assert.ok(!isBlocked(await kit.call('GET', '/nothing')), `after ${each}`);
      const text = encodeURIComponent(`${each}' union select secret_${each} from table_${each}--`);
      assert.equal((await kit.call('GET', `/api/v1/data/secure?q${each}=${text}`)).status, 403);
    }
    assert.ok(isBlocked(await kit.call('GET', '/nothing')));
  }));

// Attack: a link with an attack in it is planted, and everybody behind its reader's address is locked out.
test('D06 what another page may have made a browser send is refused, and blocks nobody', () =>
  withEms({}, async (kit) => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', referer: 'https://evil.example/' };
    for (let each = 0; each < 20; each++) {
      const text = encodeURIComponent(`${each}' union select secret_${each} from table_${each}--`);
      assert.equal((await kit.call('GET', `/api/v1/data/secure?q=${text}`, { headers })).status, 403);
    }
    assert.ok(!isBlocked(await kit.call('GET', '/nothing')));
  }));
