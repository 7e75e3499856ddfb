import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from './digest.ts';
import { emptyFrontier, extendFrontier, frontierOf, frontierRoot, hashChildren, hashLeaf } from './merkle.ts';

// The tree that the test suites of certificate transparency logs share.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leafHashes = (count: number) => Array.from({ length: count }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** MTH of RFC 9162 §2.1.1, over hashes of leaves. */
function treeHash(hashes: readonly Uint8Array[]): Uint8Array {
  const [first, second] = hashes;
  if (first === undefined) return sha256('');
  if (second === undefined) return first;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return hashChildren(treeHash(hashes.slice(0, split)), treeHash(hashes.slice(split)));
}

test('the known tree has the known root at each size', () => {
  const hashes = LEAVES.map((leaf) => hashLeaf(Buffer.from(leaf, 'hex')));
  for (const [size, root] of ROOTS.entries()) {
    const { frontier } = extendFrontier(emptyFrontier, hashes.slice(0, size));
    assert.equal(hex(frontierRoot(frontier)), root);
  }
});

test('a frontier has the root of the RFC at every size', () => {
  const hashes = leafHashes(130);
  let frontier = emptyFrontier;
  for (const [size, hash] of hashes.entries()) {
    assert.equal(hex(frontierRoot(frontier)), hex(treeHash(hashes.slice(0, size))));
    ({ frontier } = extendFrontier(frontier, [hash]));
    assert.equal(frontier.size, size + 1);
  }
});

test('leaves appended in any portions, with the frontier stored between them, give the same tree', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 8 }), (portions) => {
      const hashes = leafHashes(portions.reduce((sum, count) => sum + count, 0));
      let frontier = emptyFrontier;
      for (const count of portions) {
        const stored = frontierOf(frontier.size, frontier.roots);
        ({ frontier } = extendFrontier(stored, hashes.slice(stored.size, stored.size + count)));
      }
      assert.equal(hex(frontierRoot(frontier)), hex(treeHash(hashes)));
    }),
  );
});

test('every complete subtree is handed out once, when its last leaf comes', () => {
  const hashes = leafHashes(77);
  const { completed } = extendFrontier(emptyFrontier, hashes);
  const seen = new Set<string>();
  for (const { level, index, hash } of completed) {
    assert.equal(hex(hash), hex(treeHash(hashes.slice(index * 2 ** level, (index + 1) * 2 ** level))));
    seen.add(`${level}/${index}`);
  }
  const expected = [0, 1, 2, 3, 4, 5, 6].reduce((sum, level) => sum + Math.floor(77 / 2 ** level), 0);
  assert.equal(seen.size, expected);
  assert.equal(completed.length, expected);
});

test('appending leaves the earlier frontier as it was', () => {
  const { frontier } = extendFrontier(emptyFrontier, leafHashes(5));
  const before = hex(frontierRoot(frontier));
  extendFrontier(frontier, leafHashes(9));
  assert.equal(frontier.size, 5);
  assert.equal(hex(frontierRoot(frontier)), before);
  assert.equal(emptyFrontier.size, 0);
});

test('a tree past 2^32 leaves goes on growing', () => {
  const size = 2 ** 40 + 2 ** 33 + 1;
  const [a, b, c, d] = leafHashes(4);
  assert.ok(a && b && c && d);
  const { frontier, completed } = extendFrontier(frontierOf(size, [a, b, c]), [d]);
  assert.equal(frontier.size, size + 1);
  assert.deepEqual(
    completed.map(({ level, index }) => [level, index]),
    [
      [0, size],
      [1, (size - 1) / 2],
    ],
  );
  assert.equal(hex(frontierRoot(frontier)), hex(hashChildren(a, hashChildren(b, hashChildren(c, d)))));
});

test('roots that do not fit the size are refused', () => {
  const [hash] = leafHashes(1);
  assert.ok(hash);
  for (const size of [-1, 0, 3, 1.5, 2 ** 53, Number.NaN]) assert.throws(() => frontierOf(size, [hash]), RangeError);
  assert.throws(() => frontierOf(1, [hash.subarray(1)]), RangeError);
  assert.equal(frontierOf(2 ** 40, [hash]).size, 2 ** 40);
});

// Attack: an inner node is presented as if it were a leaf, or bytes are moved from one child to the other.
test('a leaf is never taken for a node, and hashes have 32 bytes', () => {
  const [left, right] = leafHashes(2);
  assert.ok(left && right);
  assert.notDeepEqual(hashLeaf(Buffer.concat([left, right])), hashChildren(left, right));
  assert.notDeepEqual(hashChildren(left, right), hashChildren(right, left));
  assert.throws(() => hashChildren(left.subarray(1), right), RangeError);
  assert.throws(() => hashChildren(left, Buffer.concat([right, left])), RangeError);
  assert.throws(() => extendFrontier(emptyFrontier, [left, right.subarray(1)]), RangeError);
});
