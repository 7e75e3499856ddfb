import { equalBytes, sha256 } from './digest.ts';
import { hashChildren, isHash, isSize, type TreeHead } from './merkle.ts';

/** Numbers of a node and of the last node at the same level of the tree, on their way up. */
interface Climb {
  node: number;
  last: number;
}

/**
 * Whether the path shows that the leaf stands at `index` in the tree. What comes from outside may be handed in as it
 * is: nothing here throws.
 *
 * @param leafHash From `hashLeaf`.
 * @param head From one checkpoint that was verified. The path alone does not prove the size: paths of two trees can
 *   have the same form, and only the root tells them apart.
 * @see RFC 9162 §2.1.3.2
 */
export function verifyInclusion(
  leafHash: Uint8Array,
  index: number,
  path: readonly Uint8Array[],
  head: TreeHead,
): boolean {
  if (!isSize(index) || !isHead(head) || index >= head.size) return false;
  if (!isHash(leafHash) || !path.every(isHash)) return false;
  const climb: Climb = { node: index, last: head.size - 1 };
  let root = leafHash;
  for (const sibling of path) {
    if (climb.last === 0) return false;
    root = isRight(climb) ? hashChildren(sibling, root) : hashChildren(root, sibling);
    step(climb);
  }
  return climb.last === 0 && equalBytes(root, head.root);
}

/**
 * Whether the path shows that the older tree is the beginning of the newer one: nothing in it was changed, removed
 * or put in between. Nothing here throws.
 *
 * @param older From a checkpoint that was verified, as is `newer`.
 * @see RFC 9162 §2.1.4.2
 */
export function verifyConsistency(older: TreeHead, newer: TreeHead, path: readonly Uint8Array[]): boolean {
  if (!isHead(older) || !isHead(newer) || older.size > newer.size || !path.every(isHash)) return false;
  if (older.size === newer.size) return path.length === 0 && equalBytes(older.root, newer.root);
  if (older.size === 0) return path.length === 0;

  const climb: Climb = { node: older.size - 1, last: newer.size - 1 };
  while (isOdd(climb.node)) up(climb);
  // The older tree is a complete subtree when nothing is left of it: then its root is where the climb starts.
  const [first, ...rest] = climb.node === 0 ? [older.root, ...path] : path;
  if (first === undefined) return false;
  let olderRoot = first;
  let newerRoot = first;
  for (const sibling of rest) {
    if (climb.last === 0) return false;
    if (isRight(climb)) {
      olderRoot = hashChildren(sibling, olderRoot);
      newerRoot = hashChildren(sibling, newerRoot);
    } else {
      newerRoot = hashChildren(newerRoot, sibling);
    }
    step(climb);
  }
  return climb.last === 0 && equalBytes(olderRoot, older.root) && equalBytes(newerRoot, newer.root);
}

/** An empty tree has one root only. */
function isHead({ size, root }: TreeHead): boolean {
  return isSize(size) && isHash(root) && (size > 0 || equalBytes(root, sha256('')));
}

function isRight({ node, last }: Climb): boolean {
  return isOdd(node) || node === last;
}

/** One level up, and past the levels at which a last node without sibling is carried upwards as it is. */
function step(climb: Climb): void {
  if (climb.node === climb.last) while (!isOdd(climb.node) && climb.node !== 0) up(climb);
  up(climb);
}

function up(climb: Climb): void {
  climb.node = Math.floor(climb.node / 2);
  climb.last = Math.floor(climb.last / 2);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}
