import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Answer, Call } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

/** As E16 lists them, character by character. */
const PROMISED = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-XSS-Protection': '1; mode=block',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Content-Security-Policy': "default-src 'self'",
} as const;

function assertPromised(headers: Headers, of: string): void {
  for (const [name, value] of Object.entries(PROMISED)) assert.equal(headers.get(name), value, `${of}: ${name}`);
}

type Case = readonly [status: number, method: string, path: string, call?: Call];

async function assertAll(kit: ProfileKit, cases: readonly Case[]): Promise<void> {
  for (const [status, method, path, call] of cases) {
    const answer: Answer = await kit.call(method, path, call);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assertPromised(answer.headers, `${status} ${method} ${path}`);
  }
}

test('E16 the five headers stand in every answer as they are promised, good or bad', async () => {
  const kit = await startProfile('ems', { limitsEnabled: false });
  try {
    const token = await kit.login();
    const viewer = await kit.member('vera', 'viewer');
    const data = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1 };
    const text = { 'content-type': 'text/plain' };
    await assertAll(kit, [
      [200, 'GET', '/api/v1/data/secure', { token }],
      [200, 'POST', '/api/v1/data', { token, body: data }],
      [400, 'POST', '/api/v1/data', { token, body: '{', headers: { 'content-type': 'application/json' } }],
      [401, 'GET', '/api/v1/data/secure'],
      [401, 'POST', '/api/v1/auth/login', { body: { username: 'admin', password: 'wrong' } }],
      [401, 'GET', '/api/v1/data/secure', { headers: { 'x-api-key': 'bad' } }],
      [403, 'DELETE', '/api/v1/data/M1', { token: viewer }],
      [404, 'GET', '/nothing'],
      [404, 'GET', '/api/v1/nothing', { token }],
      [405, 'PUT', '/api/v1/data', { token, body: data }],
      [
        413,
        'POST',
        '/api/v1/data',
        { token, body: `"${'x'.repeat(1_100_000)}"`, headers: { 'content-type': 'application/json' } },
      ],
      [415, 'POST', '/api/v1/data', { token, body: 'x', headers: text }],
      [422, 'POST', '/api/v1/data', { token, body: {} }],
      [400, 'GET', '/%zz'],
    ]);
    const head = await kit.call('HEAD', '/api/v1/data/secure', { token });
    assertPromised(head.headers, 'HEAD');
  } finally {
    await kit.close();
  }
});

test('E16 they stand in the answer of the health example', async () => {
  const kit = await startProfile('ems');
  try {
    await assertAll(kit, [[200, 'GET', '/health']]);
  } finally {
    await kit.close();
  }
});

test('E16 they stand in refusals of those who are limited and of those who are blocked', async () => {
  const limited = await startProfile('ems', { limits: [{ count: 1, windowMs: 60_000 }] });
  try {
    await assertAll(limited, [
      [401, 'GET', '/api/v1/data/secure'],
      [429, 'GET', '/api/v1/data/secure'],
    ]);
  } finally {
    await limited.close();
  }
  const blocked = await startProfile('ems', {}, { config: { detection: { failures: 1 } } });
  try {
    await assertAll(blocked, [
      [401, 'GET', '/api/v1/data/secure', { token: 'bad' }],
      [403, 'GET', '/api/v1/data/secure'],
      [403, 'GET', '/nothing'],
    ]);
  } finally {
    await blocked.close();
  }
});

// What is not even HTTP belongs to no profile; those headers that all profiles share stand there nevertheless.
test('E16 an answer to what is no request carries the framing and sniffing headers too', async () => {
  const kit = await startProfile('ems');
  try {
    const { port } = new URL(kit.address);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost : x\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    assert.match(answer, /^HTTP\/1\.1 400 /);
    for (const name of ['X-Content-Type-Options', 'X-Frame-Options', 'Strict-Transport-Security'] as const)
      assert.match(answer, new RegExp(`^${name}: ${PROMISED[name].replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}\r$`, 'im'));
  } finally {
    await kit.close();
  }
});
