import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../../src/testing/index.ts';
import { type LogLine, type ProfileKit, startProfile } from '../profile-kit.ts';

async function withEms(work: (kit: ProfileKit) => Promise<void>): Promise<void> {
  const config = { detection: { inspection: { mode: 'block' as const } } }; // as a server does by itself
  const kit = await startProfile('ems', { limitsEnabled: false }, { config });
  try {
    await work(kit);
  } finally {
    await kit.close();
  }
}

const UNION = encodeURIComponent("1' union select password from users--");
const isBlocked = ({ status, json }: Answer): boolean => status === 403 && json?.detail === 'IP address blocked';

/** All violations up to now. */
async function violations(kit: ProfileKit): Promise<readonly LogLine[]> {
  await kit.call('GET', '/the-last');
  const lines = await kit.log('security.log', ({ event }) => event.endpoint === '/the-last');
  return lines.filter(({ event }) => event.event_type === 'security_violation');
}

// Attack: a member of the request that a script may claim keeps the attack out of the log that is watched.
test('E15: each pattern that is refused is told, whatever the request says of itself, and whoever sent it', () =>
  withEms(async (kit) => {
    const headers = { 'sec-fetch-mode': 'navigate' };
    for (let each = 0; each < 3; each++)
      assert.equal((await kit.call('GET', `/api/v1/data/secure?q${each}=${UNION}`, { headers })).status, 403);
    const key = await kit.key('read');
    assert.equal((await kit.call('GET', `/api/v1/data/secure?q=${UNION}`, { key })).status, 403);
    const told = await violations(kit);
    assert.equal(told.length, 4, 'each once');
    for (const { level, event } of told) {
      assert.deepEqual([level, event.violation_type], ['ERROR', 'suspicious_pattern']);
      assert.deepEqual(Object.keys(event.details), ['ip_address', 'details']);
      assert.match(event.details.details, /^sqli-/);
    }
    assert.ok(!isBlocked(await kit.call('GET', '/nothing')));
  }));

// Attack: a flood of patterns that block nobody fills the disk with the log.
test('E15: of a flood of patterns sixty a minute are told', () =>
  withEms(async (kit) => {
    const headers = { 'sec-fetch-mode': 'navigate' };
    const flood = async (): Promise<void> => {
      for (let each = 0; each < 70; each++) await kit.call('GET', `/api/v1/data/secure?q${each}=${UNION}`, { headers });
    };
    await flood();
    assert.equal((await violations(kit)).length, 60);
    kit.clock.advance(60_000);
    await flood();
    await kit.call('PUT', '/the-very-last');
    await kit.log('security.log', ({ event }) => event.endpoint === '/the-very-last');
    assert.equal((await violations(kit)).length, 120);
  }));

// Attack: one client behind a plant's NAT sends one pattern under its own key, and the whole plant is shut out.
test('of E15: the pattern of a verified key blocks the key, and its plant goes on', () =>
  withEms(async (kit) => {
    const [bad, good] = [await kit.key('read'), await kit.key('read')];
    assert.equal((await kit.call('GET', `/api/v1/data/M1?q=${UNION}`, { key: bad })).status, 403);
    assert.equal((await kit.call('GET', '/api/v1/data/M1', { key: bad })).status, 403);
    assert.equal((await kit.call('GET', '/api/v1/data/M1', { key: good })).status, 200);
    assert.ok(!isBlocked(await kit.call('GET', '/nothing')));
  }));

// Attack: `new Image().src` of a page over plain HTTP, which says nothing of where it comes from (D06).
test('D06 an image over plain HTTP is refused, and blocks nobody', () =>
  withEms(async (kit) => {
    const accept = 'image/avif,image/*,*/*;q=0.8';
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0', accept };
    const path = '/api/v1/data/secure?q=../../../etc/passwd';
    assert.equal((await kit.call('GET', path, { headers })).status, 403);
    assert.ok(!isBlocked(await kit.call('GET', '/nothing')));
    assert.equal((await kit.call('GET', path)).status, 403);
    assert.ok(isBlocked(await kit.call('GET', '/nothing')), 'a tool that says no name is no browser');
  }));
