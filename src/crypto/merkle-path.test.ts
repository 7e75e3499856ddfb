import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from './digest.ts';
import { hashChildren, hashLeaf, type TreeHead } from './merkle.ts';
import { consistencyPath, inclusionPath, type NodeAt } from './merkle-path.ts';
import { verifyConsistency, verifyInclusion } from './merkle-verify.ts';

type Hashes = readonly Uint8Array[];

const MAX = 40;
const hashes: Hashes = Array.from({ length: MAX }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));
const leafAt = (index: number): Uint8Array => hashes[index] ?? assert.fail('no such leaf');
const head = (size: number): TreeHead => ({ size, root: treeHash(hashes.slice(0, size)) });
const sizes = fc.integer({ min: 1, max: MAX });

function splitOf(length: number): number {
  let split = 1;
  while (split * 2 < length) split *= 2;
  return split;
}

/** MTH of RFC 9162 §2.1.1, over hashes of leaves. */
function treeHash(leaves: Hashes): Uint8Array {
  const [first, second] = leaves;
  if (first === undefined) return sha256('');
  if (second === undefined) return first;
  const split = splitOf(leaves.length);
  return hashChildren(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** PATH of RFC 9162 §2.1.3.1. */
function path(index: number, leaves: Hashes): Hashes {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...path(index, leaves.slice(0, split)), treeHash(leaves.slice(split))]
    : [...path(index - split, leaves.slice(split)), treeHash(leaves.slice(0, split))];
}

/** SUBPROOF of RFC 9162 §2.1.4.1. */
function subproof(from: number, leaves: Hashes, known: boolean): Hashes {
  if (from === leaves.length) return known ? [] : [treeHash(leaves)];
  const split = splitOf(leaves.length);
  return from <= split
    ? [...subproof(from, leaves.slice(0, split), known), treeHash(leaves.slice(split))]
    : [...subproof(from - split, leaves.slice(split), false), treeHash(leaves.slice(0, split))];
}

/** A store of complete subtrees: refuses what reaches past the tree, as a real one must have no such row. */
const storeOf =
  (size: number): NodeAt =>
  (level, index) => {
    const end = (index + 1) * 2 ** level;
    assert.ok(Number.isInteger(index) && end <= size);
    const hash = treeHash(hashes.slice(index * 2 ** level, end));
    return index % 2 === 0 ? hash : Promise.resolve(hash);
  };

const flip = (hash: Uint8Array, bit: number): Uint8Array =>
  hash.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

test('every leaf of every tree has the path of the RFC, and it verifies', async () => {
  for (let size = 1; size <= MAX; size += 1) {
    for (let index = 0; index < size; index += 1) {
      const proof = await inclusionPath(index, size, storeOf(size));
      assert.deepEqual(proof, path(index, hashes.slice(0, size)));
      assert.ok(verifyInclusion(leafAt(index), index, proof, head(size)));
    }
  }
});

test('every pair of trees has the path of the RFC, and it verifies', async () => {
  for (let to = 0; to <= MAX; to += 1) {
    for (let from = 0; from <= to; from += 1) {
      const proof = await consistencyPath(from, to, storeOf(to));
      if (from > 0) assert.deepEqual(proof, subproof(from, hashes.slice(0, to), true));
      assert.ok(verifyConsistency(head(from), head(to), proof));
    }
  }
});

// Attack: the log claims an entry at another place, of another content, or in a tree that has it not.
test('an inclusion path verifies for no other leaf, place or tree', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), fc.nat({ max: MAX + 2 }), fc.nat(), async (size, n, other, bit) => {
      const index = n % size;
      const proof = await inclusionPath(index, size, storeOf(size));
      assert.equal(verifyInclusion(leafAt(index), other, proof, head(size)), other === index);
      assert.equal(verifyInclusion(leafAt(other % MAX), index, proof, head(size)), other % MAX === index);
      assert.equal(verifyInclusion(leafAt(index), index, proof, head(other % MAX)), other % MAX === size);
      assert.equal(verifyInclusion(flip(leafAt(index), bit % 256), index, proof, head(size)), false);
      const forged = { size, root: flip(head(size).root, bit % 256) };
      assert.equal(verifyInclusion(leafAt(index), index, proof, forged), false);
    }),
  );
});

// Attack: the hash of an inner node is passed off as that of a leaf, with the upper part of a true path.
test('an inner node is no leaf', async () => {
  for (const size of [2, 3, 8, 21]) {
    const [sibling = assert.fail(), ...upper] = await inclusionPath(0, size, storeOf(size));
    const node = hashChildren(leafAt(0), sibling);
    assert.equal(verifyInclusion(node, 0, upper, head(size)), false);
    assert.equal(verifyInclusion(head(size).root, 0, [], head(size)), false);
  }
});

// Attack: history is rewritten, and the path that should show it is doctored.
test('a consistency path verifies for no other pair of trees', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, sizes, fc.nat({ max: MAX }), fc.nat({ max: 255 }), async (a, b, other, bit) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const proof = await consistencyPath(from, to, storeOf(to));
      const verifies = (older: TreeHead, newer: TreeHead) => verifyConsistency(older, newer, proof);
      const trivial = (size: number) => proof.length === 0 && size === 0; // everything begins with nothing
      assert.equal(verifies(head(other), head(to)), other === from || trivial(other));
      assert.equal(verifies(head(from), head(other)), other === to);
      assert.equal(verifies({ size: from, root: flip(head(from).root, bit) }, head(to)), false);
      assert.equal(verifies(head(from), { size: to, root: flip(head(to).root, bit) }), false);
      assert.equal(verifies(head(to), head(from)), from === to);
    }),
  );
});

test('a path with any bit flipped, or a hash more or less, does not verify', async () => {
  const included = await inclusionPath(11, 21, storeOf(21));
  const consistent = await consistencyPath(11, 21, storeOf(21));
  const altered = function* (proof: Hashes): Generator<Hashes> {
    for (const [at, hash] of proof.entries()) {
      for (let bit = 0; bit < 256; bit += 1) yield proof.with(at, flip(hash, bit));
      yield proof.toSpliced(at, 1);
      yield proof.toSpliced(at, 0, hash);
      yield proof.with(at, hash.subarray(1));
    }
    yield [...proof, leafAt(0)];
  };
  for (const proof of altered(included)) assert.equal(verifyInclusion(leafAt(11), 11, proof, head(21)), false);
  for (const proof of altered(consistent)) assert.equal(verifyConsistency(head(11), head(21), proof), false);
});

test('heads and indices that no tree has do not verify', () => {
  const root = leafAt(0);
  for (const size of [-1, 0, 0.5, Number.NaN, 2 ** 53]) {
    assert.equal(verifyInclusion(root, 0, [], { size, root }), false);
    assert.equal(verifyConsistency({ size, root }, { size, root }, []), false);
  }
  for (const index of [-1, 0.5, 1, Number.NaN]) assert.equal(verifyInclusion(root, index, [], head(1)), false);
  assert.equal(verifyInclusion(root.subarray(1), 0, [], head(1)), false);
  assert.equal(verifyConsistency(head(0), head(1), [root]), false);
  assert.equal(verifyConsistency({ size: 1, root: root.subarray(1) }, head(2), []), false);
});

test('paths are asked for trees that exist only', async () => {
  for (const [index, size] of [
    [0, 0],
    [3, 3],
    [-1, 3],
    [0.5, 3],
  ] as const) {
    await assert.rejects(inclusionPath(index, size, storeOf(MAX)), RangeError);
  }
  await assert.rejects(consistencyPath(4, 3, storeOf(MAX)), RangeError);
  await assert.rejects(consistencyPath(-1, 3, storeOf(MAX)), RangeError);
});

// A tree of equal leaves is small enough to compute at any size: one hash a level.
test('paths of a tree past 2^32 leaves verify', async () => {
  const levels: Uint8Array[] = [leafAt(0)];
  const nodeAt: NodeAt = (level) => {
    for (let last = levels.at(-1); last && levels.length <= level; last = levels.at(-1))
      levels.push(hashChildren(last, last));
    return levels[level] ?? assert.fail('no such level');
  };
  const [from, to] = [2 ** 33 + 12_345, 2 ** 45 + 2 ** 20 + 99];
  const headOf = async (size: number): Promise<TreeHead> => {
    const [sibling, ...rest] = (await inclusionPath(size - 1, size, nodeAt)).toReversed();
    assert.ok(sibling);
    const parts = [sibling, ...rest, leafAt(0)];
    return { size, root: parts.reduceRight((right, left) => hashChildren(left, right)) };
  };
  const proof = await inclusionPath(2 ** 40 + 7, to, nodeAt);
  assert.ok(verifyInclusion(leafAt(0), 2 ** 40 + 7, proof, await headOf(to)));
  assert.ok(verifyConsistency(await headOf(from), await headOf(to), await consistencyPath(from, to, nodeAt)));
});
