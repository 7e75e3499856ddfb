import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createKit, type Kit } from '../testing/index.ts';

const place = { table: 'users', column: 'email', row: '17' };

let kit: Kit;
let both: string;
before(async () => {
  kit = await createKit();
  both = await kit.key('seal:fields', 'open:fields');
});
after(() => kit.close());

const post = (path: string, body: unknown, key: string | undefined = both) => kit.call('POST', path, { key, body });

test('a value is sealed and opened over HTTP, alone and in batches', async () => {
  const one = await post('/v1/vault/seal', { ...place, text: 'ada@example.org' });
  assert.equal(one.status, 200);
  const opened = await post('/v1/vault/open', { ...place, sealed: one.json.sealed });
  assert.deepEqual(opened.json, { text: 'ada@example.org', version: one.json.version, form: 'envelope' });

  const texts = Array.from({ length: 1_000 }, (_, at) => `text ${at} é`);
  const items = texts.map((text, at) => ({ ...place, row: `${at}`, text }));
  const many = await post('/v1/vault/seal/batch', { items });
  assert.deepEqual([many.status, many.json.failed], [200, 0]);
  const sealed = items.map(({ text: _, ...rest }, at) => ({ ...rest, sealed: many.json.items[at].sealed }));
  const back = await post('/v1/vault/open/batch', { items: sealed });
  assert.deepEqual(
    back.json.items.map(({ text }: { text: string }) => text),
    texts,
  );
  const unchanged = await post('/v1/vault/rewrap/batch', { items: sealed.slice(0, 3) });
  assert.deepEqual(
    unchanged.json.items.map(({ changed }: { changed: boolean }) => changed),
    [false, false, false],
  );
});

// Attack: a key that may only write is used to read.
test('sealing and opening are permissions of their own, and an administrator has neither without asking', async () => {
  const sealer = await kit.key('seal:fields');
  const { json } = await post('/v1/vault/seal', { ...place, text: 'x' }, sealer);
  const sealed = { ...place, sealed: json.sealed };
  for (const [path, body] of [
    ['/v1/vault/open', sealed],
    ['/v1/vault/open/batch', { items: [sealed] }],
  ] as const) {
    const refused = await post(path, body, sealer);
    assert.deepEqual([refused.status, refused.json.permission], [403, 'open:fields']);
    assert.equal((await kit.call('POST', path, { body })).status, 401);
  }
  const opener = await kit.key('open:fields');
  assert.equal((await post('/v1/vault/open', sealed, opener)).json.text, 'x');
  for (const path of ['/v1/vault/seal', '/v1/vault/index', '/v1/vault/rewrap/batch']) {
    assert.equal((await post(path, { ...place, text: 'x' }, opener)).status, 403);
  }
  const { token } = await kit.person('vera', 'viewer');
  assert.equal((await kit.call('GET', '/v1/vault/keys', { token })).status, 403);
});

// Attack: an administrator of a tenant reaches for what belongs to all.
test('an administrator rotates the keys of the own tenant and of no other', async () => {
  const token = await kit.signIn();
  const rotated = await kit.call('POST', '/v1/vault/keys/rotate', { token, body: {} });
  assert.deepEqual([rotated.status, rotated.json.tenant], [200, 'main']);
  const { version } = (await kit.call('GET', '/v1/vault/keys', { token })).json.versions[0];
  const paths: [string, string, object?][] = [
    ['GET', '/v1/vault/keys/all'],
    ['GET', '/v1/vault/rewrap/all'],
    ['GET', '/v1/vault/master'],
    ['POST', '/v1/vault/keys/rotate-all', {}],
    ['POST', `/v1/vault/keys/${version}/destroy`, {}],
    ['POST', '/v1/vault/rewrap', {}],
    ['POST', '/v1/vault/master/rotate'],
    ['POST', '/v1/vault/master/shares', { threshold: 2, count: 3 }],
  ];
  for (const [method, path, body] of paths) {
    const { status } = await kit.call(method, path, { token, body });
    assert.equal(status, 403, `${method} ${path}`);
  }
});

test('what is opened is on record with its column and its count, and no row or text with it', async () => {
  const sealed = (await post('/v1/vault/seal', { ...place, row: 'row-of-ada', text: 'text-of-ada' })).json.sealed;
  const column = `column_${randomBytes(4).toString('hex')}`;
  const items = Array.from({ length: 3 }, (_, at) => ({
    ...place,
    column,
    row: `row-of-ada-${at}`,
    text: 'text-of-ada',
  }));
  const many = (await post('/v1/vault/seal/batch', { items })).json.items;
  await post('/v1/vault/open/batch', {
    items: items.map(({ text: _, ...rest }, at) => ({ ...rest, sealed: at === 0 ? sealed : many[at].sealed })),
  });
  const line = `"route":"POST /v1/vault/open/batch","count":1,"records":2,"object":"external.users.${column}"`;
  const text = await recordWith(line);
  assert.ok(text.includes(line), text);
  assert.ok(!text.includes('row-of-ada') && !text.includes('text-of-ada'));
});

/** Reads are written down in groups, a moment later. */
async function recordWith(line: string): Promise<string> {
  const token = await kit.signIn();
  for (let tries = 0; ; tries++) {
    const { text } = await kit.call('GET', '/v1/audit/entries?limit=200', { token });
    if (text.includes(line) || tries === 50) return text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Attack: a body is made so large, deep or odd that reading it costs more than refusing it.
test('bodies past their limits are refused before they are read as items', async () => {
  const item = { ...place, text: 'x' };
  const cases: [unknown, number, string][] = [
    [{ items: Array.from({ length: 70 }, () => ({ ...item, text: 'x'.repeat(65_536) })) }, 413, 'HTTP_BODY_TOO_LARGE'],
    [{ items: Array.from({ length: 1_001 }, () => item) }, 422, 'HTTP_INPUT_REFUSED'],
    [`{"items":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'HTTP_BODY_TOO_DEEP'],
    ['{"items":[', 400, 'HTTP_BODY_NOT_JSON'],
    [Buffer.from('{"items":[{"table":"\xff"}]}', 'latin1'), 400, 'HTTP_BODY_NOT_UTF8'],
  ];
  for (const [body, status, code] of cases) {
    const headers = { 'content-type': 'application/json' };
    const answer = await kit.call('POST', '/v1/vault/seal/batch', { key: both, body, headers });
    assert.deepEqual([answer.status, answer.json.code], [status, code]);
  }
  const large = await post('/v1/vault/seal', { ...place, text: 'x'.repeat(600_000) });
  assert.equal(large.status, 413);
});

test('what does not open is one answer, whatever is wrong with it', async () => {
  const { json } = await post('/v1/vault/seal', { ...place, text: 'x' });
  const answers = new Set<string>();
  for (const sealed of [
    json.sealed.slice(0, -2),
    `${json.sealed}AA`,
    'junk',
    'gAAAAAB',
    'A'.repeat(80),
    '\0',
    '\ud800x',
  ]) {
    const answer = await post('/v1/vault/open', { ...place, sealed });
    assert.equal(answer.status, 422);
    const { instance: _, ...told } = answer.json;
    answers.add(JSON.stringify(told));
  }
  assert.equal(answers.size, 1);
});
