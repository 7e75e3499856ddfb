import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createSqliteStorage, type Storage, storageFault } from '../storage/index.ts';
import { createKit, createTestClock, type Kit } from '../testing/index.ts';
import { VERSION } from './version.ts';

let kit: Kit;
let away = false; // the database answers no probe
before(async () => {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const probe: Storage['probe'] = () => (away ? Promise.reject(storageFault('STORAGE_UNAVAILABLE')) : storage.probe());
  kit = await createKit({ clock, storage: { ...storage, probe } });
});
after(() => kit.close());

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

function* nodesOf(value: unknown): Generator<Node> {
  if (!isNode(value)) return;
  yield value;
  for (const each of Object.values(value)) yield* nodesOf(each);
}

function at(document: unknown, pointer: string): unknown {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce<unknown>((value, step) => (isNode(value) ? value[step] : undefined), document);
}

test('/health says that the process answers, also when nothing else works', async () => {
  away = true;
  const answer = await kit.call('GET', '/health');
  away = false;
  assert.deepEqual([answer.status, answer.json], [200, { status: 'ok' }]);
});

test('/ready says what is not', async () => {
  const good = await kit.call('GET', '/ready');
  const checks = { serving: 'ok', database: 'ok', hot_state: 'ok', bus: 'ok', vault: 'ok' };
  assert.deepEqual([good.status, good.json], [200, { status: 'ok', checks }]);
  away = true;
  const bad = await kit.call('GET', '/ready');
  away = false;
  assert.deepEqual([bad.status, bad.json], [503, { status: 'failing', checks: { ...checks, database: 'failing' } }]);
});

test('/metrics counts requests by route and status, and names nobody', async () => {
  await kit.call('GET', '/v1/readings?meter_id=SECRET');
  await kit.call('DELETE', '/v1/readings/SECRET-METER');
  await kit.call('GET', '/nowhere/SECRET');
  const { status, headers, text } = await kit.call('GET', '/metrics');
  assert.deepEqual([status, headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  const count = /^twinkeep_http_request_duration_seconds_count\{(.*)\} (\d+)$/;
  const labels = text.split('\n').flatMap((line) => count.exec(line)?.[1] ?? []);
  assert.ok(labels.includes('method="GET",route="/v1/readings",status="401"'));
  assert.ok(labels.includes('method="DELETE",route="/v1/readings/:meter_id",status="401"'));
  assert.ok(labels.includes('method="GET",route="(not found)",status="404"'));
  assert.ok(!text.includes('SECRET'));
  for (const line of text.split('\n')) assert.match(line, /^(#.*|[a-zA-Z_:][\w:]*(\{.*\})? [-+\dNeInf.]+|)$/);
});

test('/openapi.json is an OpenAPI 3.1 document of every route, and every reference in it leads somewhere', async () => {
  const { status, headers, json } = await kit.call('GET', '/openapi.json');
  assert.deepEqual([status, headers.get('content-type'), json.openapi], [200, 'application/json', '3.1.0']);
  assert.deepEqual([json.info.title, json.info.version], ['Twinkeep', VERSION]);
  const listed = Object.entries(json.paths).flatMap(([path, own]) =>
    Object.keys(Object(own)).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  const plain = kit.twinkeep.routes.filter(({ relay }) => relay === undefined); // a stream has no document to describe
  assert.deepEqual(listed.sort(), plain.map(({ method, path }) => `${method} ${path}`).sort());
  const references = [...nodesOf(json)].flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []));
  assert.ok(references.length > 20);
  for (const reference of references) assert.ok(at(json, reference) !== undefined, reference);
});

test('every operation of the document has a name of its own, its parameters, and its refusals as problems', async () => {
  const { json } = await kit.call('GET', '/openapi.json');
  const ids = new Set<string>();
  const plain = kit.twinkeep.routes.filter(({ relay }) => relay === undefined);
  for (const { method, path, access, body } of plain) {
    const operation = json.paths[path.replaceAll(/:(\w+)/g, '{$1}')][method.toLowerCase()];
    assert.match(operation.operationId, /^[A-Za-z0-9_]+$/);
    ids.add(operation.operationId);
    assert.ok(operation.summary.length > 5);
    const inPath = (operation.parameters ?? []).filter((each: { in: string }) => each.in === 'path');
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
    assert.deepEqual(
      inPath.map(({ name }: { name: string }) => name),
      names,
    );
    for (const { required } of inPath) assert.equal(required, true);
    assert.equal(operation.requestBody !== undefined, body !== undefined);
    const isOpen = access.kind === 'public' || access.kind === 'unlimited';
    assert.equal(operation.security.length > 0, !isOpen);
    for (const [status, response] of Object.entries(operation.responses)) {
      const { description, content } = Object(response);
      assert.ok(description.length > 0);
      if (Number(status) < 400) continue;
      assert.ok(content['application/problem+json'] ?? content['application/json'], `${method} ${path} ${status}`);
    }
    if (!isOpen) assert.ok(operation.responses['401'] && operation.responses['403']);
  }
  assert.equal(ids.size, plain.length);
});

test('/docs is a page of every route that runs no script and loads nothing', async () => {
  const { status, headers, text } = await kit.call('GET', '/docs');
  assert.deepEqual([status, headers.get('content-type')], [200, 'text/html; charset=utf-8']);
  const plain = kit.twinkeep.routes.filter(({ relay }) => relay === undefined);
  for (const { path } of plain) assert.ok(text.includes(`<code>${path}</code>`), path);
  assert.ok(!/<script|<link|<img|<iframe|\son\w+=|javascript:/i.test(text));
  const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = headers.get('content-security-policy') ?? '';
  assert.ok(policy.startsWith("default-src 'none'") && policy.includes(`style-src 'sha256-${hash}'`));
  assert.ok(!/unsafe|\*/.test(policy));
});
