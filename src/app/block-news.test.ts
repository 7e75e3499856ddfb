import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type PersonId, personId, tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { createKit } from '../testing/index.ts';

const main = tenantId('main');
const two = tenantId('two');
const operator = { principal: { kind: 'operator', tenantId: main }, tenantId: main } as const;
const wish = {
  violation: 'principal_blocked',
  reason: 'operator',
  evidence: { note: 'a secret note' },
  length: { kind: 'fixed', ms: 60_000 },
} as const;

/** Takes webhooks. */
async function startReceiver() {
  const told: { to: string; type: string; value: string }[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const { type, data } = JSON.parse(body);
    bodies.push(body);
    told.push({ to: request.url ?? '', type, value: data.value });
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  return { told, bodies, url: `http://127.0.0.1:${port}`, close };
}

// Attack: a tenant makes a webhook for everything, and learns of the people and keys of another.
test('blocks of people, keys and devices are told to their own tenants alone, without the operator’s note', async () => {
  const receiver = await startReceiver();
  const kit = await createKit({ config: { delivery: { webhooks: { allowPrivate: ['127.0.0.1'] } } } });
  try {
    const { house, storage } = kit.twinkeep;
    const { blocks, delivery, tenants, apiKeys, sessions } = house;
    await storage.write(platform, (tx) => tenants.create(tx, operator, { id: two, name: 'Two' }));
    for (const tenant of [main, two])
      await delivery.endpoints.add(operator, tenant, {
        url: `${receiver.url}/${tenant}`,
        events: ['*'],
        description: '',
      });

    const personOf = async (name: string): Promise<PersonId> => personId((await kit.person(name, 'viewer')).id);
    const [ofTwo, ofBoth, ofNone] = [await personOf('bob'), await personOf('eve'), await personOf('zoe')];
    await storage.write(platform, async (tx) => {
      for (const one of [ofTwo, ofBoth]) await tenants.addMember(tx, one, two);
      for (const one of [ofTwo, ofNone]) await tenants.removeMember(tx, one, main);
    });
    const device = (await sessions.list(ofTwo))[0]?.knownDeviceId ?? assert.fail('a session has its device');
    const { key } = await apiKeys.create(
      operator,
      two,
      { name: 'pump', scopes: [], lifeMs: undefined },
      async () => {},
    );
    await delivery.run();
    receiver.told.length = 0;

    const about = [
      ['person', ofTwo],
      ['device', device],
      ['api-key', key.id],
      ['person', ofBoth],
      ['person', ofNone],
    ] as const;
    for (const [kind, value] of about) await blocks.block(operator, { kind, value, ...wish });
    await apiKeys.revoke(operator, two, key.id);
    for (const [kind, value] of about) await blocks.lift(operator, `${kind}:${value}`);
    await blocks.block(operator, { ...wish, kind: 'address', value: '203.0.113.9' });
    await delivery.run();

    const wordsOf = (tenant: string): readonly string[] =>
      receiver.told
        .filter(({ to, value }) => to === `/${tenant}` && value !== undefined)
        .map(({ type, value }) => `${type} ${value}`);
    const both = (kind: string, value: string) => [`${kind}.blocked ${value}`, `${kind}.unblocked ${value}`];
    assert.deepEqual([...wordsOf('main')].sort(), [...both('person', ofBoth), 'address.blocked 203.0.113.9'].sort());
    const theirs = [both('person', ofTwo), both('device', device), both('api_key', key.id), both('person', ofBoth)];
    assert.deepEqual([...wordsOf('two')].sort(), theirs.flat().sort());
    assert.ok(!receiver.bodies.some((body) => body.includes('secret note')));
  } finally {
    await kit.close();
    await receiver.close();
  }
});
