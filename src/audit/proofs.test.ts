import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type Checkpoint,
  hashLeaf,
  parseVerifierKey,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '../crypto/index.ts';
import { tenantId } from '../kernel/brand.ts';
import { anonymous } from '../kernel/principal.ts';
import { type Answer, createKit, type Kit } from '../testing/index.ts';

const ENTRIES = 700; // two kept nodes of 256 leaves, and a rest

let kit: Kit;
let token: string;
const heads: Checkpoint[] = []; // kept by an auditor, at one size and another
before(async () => {
  kit = await createKit();
  token = await kit.signIn();
  const entry = { action: 'test.done', outcome: 'done', principal: anonymous, tenantId: tenantId('main') } as const;
  for (const count of [1, 30, 225, 2, 255, ENTRIES - 513]) {
    const { audit } = kit.twinkeep.house;
    await Promise.all(Array.from({ length: count }, (_, n) => audit.write({ ...entry, facts: { n } })));
    heads.push(await head());
  }
});
after(() => kit.close());

const get = (path: string): Promise<Answer> => kit.call('GET', path, { token });
const hashes = (path: string[]): Buffer[] => path.map((hash) => Buffer.from(hash, 'base64'));

/** What an auditor believes: a checkpoint under the key that was told to them once. */
function read({ json }: Answer, verifier: string): Checkpoint {
  const key = parseVerifierKey(verifier);
  assert.ok(key);
  const checkpoint = verifyCheckpoint(json.checkpoint, key.publicKey, key.keyName);
  assert.ok(checkpoint);
  assert.equal(checkpoint.origin, key.keyName);
  return checkpoint;
}

async function head(): Promise<Checkpoint> {
  const answer = await get('/v1/audit/checkpoint');
  return read(answer, answer.json.verifier);
}

/** The leaves of the entries as they are served, by number. */
async function leaves(): Promise<ReadonlyMap<number, Buffer>> {
  const { json } = await get('/v1/audit/entries?limit=1000');
  return new Map(
    json.items.map(({ seq, ...body }: { seq: number }) => [seq, hashLeaf(Buffer.from(JSON.stringify(body)))]),
  );
}

test('an entry as it is served is proven to be in the log, without trust in the server', async () => {
  const { verifier } = (await get('/v1/audit/checkpoint')).json;
  const served = await leaves();
  assert.ok(served.size > 500);
  for (const seq of [...served.keys()].filter((each, at) => at % 37 === 0 || each < 4 || (each > 250 && each < 260))) {
    const proof = await get(`/v1/audit/proof?seq=${seq}`);
    const root = read(proof, verifier);
    const leaf = served.get(seq) ?? Buffer.alloc(0);
    const path = hashes(proof.json.path);
    assert.equal(proof.json.size, root.size);
    assert.equal(verifyInclusion(leaf, seq, path, root), true, `entry ${seq}`);
    assert.equal(verifyInclusion(hashLeaf(Buffer.from('{}')), seq, path, root), false);
    assert.equal(verifyInclusion(leaf, seq + 1, path, root), false);
  }
});

test('the log as it was once is proven to be the beginning of the present one', async () => {
  const { verifier } = (await get('/v1/audit/checkpoint')).json;
  for (const older of heads) {
    const proof = await get(`/v1/audit/proof?from=${older.size}`);
    const newer = read(proof, verifier);
    assert.equal(verifyConsistency(older, newer, hashes(proof.json.path)), true, `from ${older.size}`);
    const other = { ...older, root: Buffer.alloc(32) };
    assert.equal(older.size === 0 || verifyConsistency(other, newer, hashes(proof.json.path)), false);
  }
  assert.deepEqual((await get('/v1/audit/proof?from=0')).json.path, []);
});

test('what the log does not have cannot be proven', async () => {
  const { size } = await head();
  for (const query of [`seq=${size + 100}`, `from=${size + 100}`, `seq=${Number.MAX_SAFE_INTEGER}`]) {
    const answer = await get(`/v1/audit/proof?${query}`);
    assert.deepEqual([answer.status, answer.json.code], [404, 'AUDIT_ENTRY_UNKNOWN']);
  }
});

test('a checkpoint stands within a second of what it covers, signed by itself', async () => {
  const own = await createKit();
  try {
    const admin = await own.signIn();
    const until = performance.now() + 1_000;
    let items: unknown[] = [];
    while (items.length === 0 && performance.now() < until) {
      items = (await own.call('GET', '/v1/audit/entries?action=session.started', { token: admin })).json.items;
      if (items.length === 0) await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.ok(items.length > 0, 'no entry was numbered within a second');
  } finally {
    await own.close();
  }
});
