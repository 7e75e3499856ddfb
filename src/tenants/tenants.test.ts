import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createKit, type Kit } from '../testing/index.ts';

let kit: Kit;
let door: Server;
before(async () => {
  kit = await createKit();
  door = createServer(kit.twinkeep.handleOperator);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await new Promise((resolve) => door.close(resolve));
  await kit.close();
});

/** As whoever may open the owner's socket. */
async function operate(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const { port } = door.address() as AddressInfo; // a TCP server's address has a port
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { connection: 'close', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: Object(await response.json()) };
}

test('the operator makes a tenant, and its first person with the roles that it starts with', async () => {
  const made = await operate('POST', '/v1/tenants', { id: 'north', name: 'North Plant' });
  assert.deepEqual(
    [made.status, made.json],
    [201, { id: 'north', name: 'North Plant', created_at: '2026-11-21T12:00:00.000Z' }],
  );
  const listed = await operate('GET', '/v1/tenants');
  assert.deepEqual(
    listed.json.items.map(({ id }: { id: string }) => id),
    ['main', 'north'],
  );
  const body = { username: 'nora', password: 'correct horse battery', roles: ['admin'] };
  const nora = await operate('POST', '/v1/users', body, { 'twinkeep-tenant': 'north' });
  assert.equal(nora.status, 201);
  const me = await kit.call('GET', '/v1/me', { token: await kit.signIn('nora', body.password) });
  assert.deepEqual([me.json.tenant, me.json.permissions], ['north', ['read', 'write', 'delete', 'admin']]);
});

test('a tenant that is there, or whose name is the platform’s own, is not made again', async () => {
  for (const id of ['main', 'platform']) {
    const { status, json } = await operate('POST', '/v1/tenants', { id, name: 'x' });
    assert.deepEqual([status, json.code], [409, 'TENANT_TAKEN']);
  }
  const both = await Promise.all([1, 2].map(() => operate('POST', '/v1/tenants', { id: 'twice', name: 'x' })));
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
});

test('the operator too acts in a tenant that exists, or not at all', async () => {
  for (const tenant of ['nowhere', 'platform', '', '../main']) {
    const { status, json } = await operate('GET', '/v1/users', undefined, { 'twinkeep-tenant': tenant });
    assert.deepEqual([status, json.code], [403, 'TENANT_FOREIGN']);
  }
});

// Attack: a request over the port says that it is the operator's.
test('nobody becomes the operator by what they send', async () => {
  for (const headers of [
    { 'x-operator': 'true' },
    { 'x-forwarded-for': '127.0.0.1' },
    { host: 'localhost' },
    { 'x-real-ip': '127.0.0.1' },
  ]) {
    const answer = await kit.call('GET', '/v1/tenants', { headers });
    assert.equal(answer.status, 401);
  }
});
