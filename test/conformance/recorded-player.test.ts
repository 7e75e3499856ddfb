import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { after, before, test } from 'node:test';
import { createTestClock } from '../../src/testing/index.ts';
import type { Step } from './recorded.ts';
import { createPlayer, type Player } from './recorded-player.ts';

const JWT = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ada"}').toString('base64url')}.x`;
const COOKIES = ['open=1; Path=/; Max-Age=60', 'shut=2; Path=/api/deep; Max-Age=60; HttpOnly; SameSite=Lax'];

/** Answers the same to everything. */
const seen: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
const server = createServer(({ url = '', headers }, response) => {
  seen.push({ path: url, headers });
  response.setHeader('set-cookie', url.endsWith('/gone') ? ['open=; Path=/; Max-Age=0'] : COOKIES);
  response.writeHead(200, { 'content-type': 'application/json', 'x-one': 'two' });
  response.end(JSON.stringify({ token: JWT, user: { name: 'ada', tags: ['a'] }, count: 3 }));
});
const clock = createTestClock();
let player: () => Player;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail();
  const kit = { address: `http://127.0.0.1:${port}`, clock };
  player = () => createPlayer(kit, { host: 'old.example', at: '/p' });
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const stepOf = (answer: Partial<Step['answer']>, more: Partial<Step> = {}, path = '/api/x'): Step => ({
  does: 'asks',
  request: { method: 'GET', path, native: false, headers: {}, no_cookies: false },
  answer: { status: 200, members: {}, claims: {}, headers: {}, cookies: {}, ...answer },
  keep: {},
  ...more,
});

test('a step passes when everything that it names is as it says', async () => {
  await player().play(
    stepOf({
      members: { token: '<jwt>', 'user.name': 'ada', 'user.tags.0': '/^a$/', count: '<int>', none: '<absent>' },
      claims: { token: { sub: 'ada' } },
      headers: { 'X-One': 'two' },
      cookies: { open: { path: '/', http_only: false, max_age_s: 60 }, shut: { http_only: true, same_site: 'Lax' } },
    }),
  );
  assert.equal(seen.at(-1)?.headers.host, 'old.example');
  assert.equal(seen.at(-1)?.path, '/p/api/x');
});

test('a step fails for a single thing that is not as it says', async () => {
  const wrong: readonly Partial<Step['answer']>[] = [
    { status: 201 },
    { body: {} },
    { members: { token: '<uuid>' } },
    { members: { token: '<absent>' } },
    { members: { none: '<text>' } },
    { members: { 'user.name': 'adam' } },
    { members: { 'user.name': '/^d/' } },
    { members: { count: '3' } },
    { claims: { token: { sub: 'bob' } } },
    { headers: { 'x-one': 'one' } },
    { cookies: { open: '<absent>' } },
    { cookies: { none: {} } },
    { cookies: { open: { http_only: true } } },
    { cookies: { shut: { path: '/' } } },
    { cookies: { shut: { gone: true } } },
  ];
  for (const answer of wrong) await assert.rejects(player().play(stepOf(answer)), assert.AssertionError);
  await assert.rejects(player().play(stepOf({}, { keep: { name: 'none' } })), /no none to keep/);
});

test('cookies go where a browser would send them, for as long as it keeps them', async () => {
  const one = player();
  const sent = async (path: string): Promise<string | undefined> => {
    await one.play(stepOf({}, {}, path));
    return seen.at(-1)?.headers.cookie;
  };
  assert.equal(await sent('/api/x'), undefined);
  assert.equal(await sent('/api/x'), 'open=1', 'the other one lies at a path of its own');
  await one.play(stepOf({ cookies: { open: { gone: true } } }, {}, '/gone'));
  assert.equal(await sent('/api/x'), undefined);
  clock.advance(60_000);
  assert.equal(await sent('/api/x'), undefined);
});

test('what was kept is filled in, and a script reads no HttpOnly cookie', async () => {
  const one = player();
  await one.play(stepOf({}, { keep: { who: 'user.name', two: 'header x-one', open: 'cookie open' } }));
  const asking = (headers: Record<string, string>): Step =>
    stepOf({}, { request: { method: 'GET', path: '/api/{{who}}', native: true, headers, no_cookies: true } });
  await one.play(asking({ 'x-back': '{{two}} {{open}} {{cookie open}}', authorization: '{{at}}' }));
  const { path, headers } = seen.at(-1) ?? assert.fail();
  assert.deepEqual([path, headers['x-back'], headers.authorization], ['/api/ada', 'two 1 1', '/p']);
  assert.equal(headers.cookie, undefined);
  await assert.rejects(one.play(asking({ 'x-back': '{{cookie shut}}' })), /no script can read/);
  await assert.rejects(one.play(asking({ 'x-back': '{{nothing}}' })), /nothing was kept/);
});
