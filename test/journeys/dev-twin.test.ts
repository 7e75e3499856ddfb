import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { createCommandLine } from './command.ts';

const PATIENCE_MS = 15_000;

async function statusOf(url: string, token?: string): Promise<number> {
  const headers = { connection: 'close', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { headers });
  await answer.text();
  return answer.status;
}

/** The twin starts beside the server, and is asked for its first answer until it gives one. */
async function firstGood(url: string): Promise<number> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const status = await statusOf(url);
    if (status === 200 || Date.now() > until) return status;
    await wait(100);
  }
}

async function signIn(address: string): Promise<string> {
  const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
  const headers = { connection: 'close', 'content-type': 'application/json' };
  const answer = await fetch(`${address}/v1/login`, { method: 'POST', headers, body });
  const { access_token: token } = Object(await answer.json());
  return String(token);
}

test('a newcomer has a twin behind the gateway: its page for everybody, its meters for who signs in', async (t) => {
  const cli = createCommandLine({ TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD });
  t.after(() => cli.close());
  const running = cli.start(['dev', '--twin']);
  const address = await running.printed(/A twin behind its gateway, to sign in to and look at: (http:\S+)\//);
  assert.equal(await firstGood(`${address}/`), 200);
  for (const path of ['/api/meters', '/api/building', '/live']) assert.equal(await statusOf(`${address}${path}`), 401);

  const token = await signIn(address);
  assert.equal(await statusOf(`${address}/api/meters`, token), 200);
  const live = new WebSocket(`${address.replace('http', 'ws')}/live`, ['energy-twin', `twinkeep.bearer.${token}`]);
  const [message] = await once(live, 'message');
  assert.match(String(message), /"type":"readings"/);
  assert.equal(live.protocol, 'energy-twin');

  const cut = once(live, 'close');
  const out = { method: 'POST', headers: { connection: 'close', authorization: `Bearer ${token}` } };
  assert.equal((await fetch(`${address}/v1/logout`, out)).status, 204);
  const late = await Promise.race([cut.then(() => false), wait(2_000).then(() => true)]);
  assert.equal(late, false, 'the socket is cut with the session that it was opened under');
  assert.equal(await statusOf(`${address}/api/meters`, token), 401);

  const { code } = await running.stop('SIGINT');
  assert.equal(code, 0);
});
