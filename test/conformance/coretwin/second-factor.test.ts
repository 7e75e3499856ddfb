import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../../../src/testing/index.ts';
import { FIELD_KEY, LOGIN, SECRET } from '../profile-kit.ts';

const PATHS = [LOGIN.coretwin, LOGIN['digital-twin-v2']] as const;

let kit: Kit;
const letters: string[] = [];
const mailer = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData: (stream, _, done) => {
    text(stream).then((letter) => {
      letters.push(letter);
      done();
    }, done);
  },
});

before(async () => {
  const listening = mailer.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = mailer.server.address() as AddressInfo; // a TCP server's address has a port
  kit = await createKit({
    config: {
      profiles: ['digital-twin-v2', 'coretwin'],
      mfa: { policy: { requiredFor: ['admin'] } },
      profile: {
        'digital-twin-v2': { secret: SECRET, encryptionKey: FIELD_KEY, limitsEnabled: false },
        coretwin: { secret: SECRET, limitsEnabled: false },
      },
      delivery: { smtp: { host: '127.0.0.1', port, tls: 'none', from: 'twin@twin.example' } },
    },
  });
});
after(async () => {
  await kit.close();
  await new Promise<void>((resolve) => mailer.close(resolve));
});

const login = (path: string, body: object): Promise<Answer> => kit.call('POST', path, { body });

// Attack: an old sign-in, which never asked for a code, is the way around the policy that administrators have one.
test('C01 who must have a second factor and has none is told where to set it up, and gets no token', async () => {
  for (const path of PATHS) {
    for (const code of [{}, { code: '000000' }]) {
      const { status, json, headers } = await login(path, { username: 'admin', password: KIT_PASSWORD, ...code });
      assert.deepEqual([status, json.code, json.enrol_at], [403, 'MFA_ENROLMENT_NEEDED', '/v1/login'], path);
      assert.equal(json.access_token, undefined);
      assert.deepEqual(headers.getSetCookie(), []);
    }
  }
});

/** The code of the newest mail that came since `from` of them had. */
async function codeOf(from: number): Promise<string> {
  for (const giveUp = performance.now() + 10_000; ; await pause(20)) {
    const code = /\b(\d{6})\b is your code/.exec(letters.slice(from).at(-1) ?? '')?.[1];
    if (code !== undefined) return code;
    assert.ok(performance.now() < giveUp, 'no mail with a code came');
  }
}

/** A person whose only factor is codes by mail. */
async function mailed(username: string): Promise<void> {
  const made = await login('/api/auth/register', { username, password: KIT_PASSWORD });
  assert.equal(made.status, 201, made.text);
  const token = await kit.signIn(username);
  const from = letters.length;
  const wish = { method: 'email', to: `${username}@example.com` };
  const begun = await kit.call('POST', '/v1/mfa/codes', { token, body: wish });
  assert.equal(begun.status, 201, begun.text);
  const body = { code: await codeOf(from) };
  const confirmed = await kit.call('POST', `/v1/mfa/factors/${begun.json.factor_id}/confirm`, { token, body });
  assert.equal(confirmed.status, 200, confirmed.text);
}

test('C01 X01 who has codes by mail alone is sent one at the first call, and signs in with it at the second', async () => {
  for (const [at, path] of PATHS.entries()) {
    const username = `mila${at}`;
    await mailed(username);
    const from = letters.length;
    const first = await login(path, { username, password: KIT_PASSWORD });
    assert.deepEqual([first.status, first.json.code], [401, 'MFA_REQUIRED'], first.text);
    assert.match(first.json.sent_to, /@/);
    assert.ok(!first.text.includes(`${username}@example.com`), 'the address is only hinted at');
    const second = await login(path, { username, password: KIT_PASSWORD, code: await codeOf(from) });
    assert.equal(second.status, 200, second.text);
    assert.ok(second.json.access_token);
  }
});

// Attack: whoever knows a name has mails sent to its owner.
test('C01 a wrong password has no code sent', async () => {
  const from = letters.length;
  for (const path of PATHS) {
    const refused = await login(path, { username: 'mila0', password: 'wrong' });
    assert.equal(refused.status, 401);
    assert.equal(refused.json.sent_to, undefined);
  }
  await pause(300);
  assert.equal(letters.length, from);
});
