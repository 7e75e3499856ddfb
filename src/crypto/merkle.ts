import { SHA256_BYTES, sha256 } from './digest.ts';

/** A tree at one moment. Size and root belong together: proofs are checked against both. */
export interface TreeHead {
  /** Leaves, 0 to 2^53 - 1. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** The root of the complete subtree over the leaves `index * 2^level` up to `(index + 1) * 2^level`. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/**
 * All that is needed to let a tree grow: the roots of its complete subtrees, largest (leftmost) first, one for each
 * bit set in the size. A plain value, so that a write that is rolled back and run again starts where it started.
 */
export interface Frontier {
  readonly size: number;
  readonly roots: readonly Uint8Array[];
}

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** @see RFC 9162 §2.1.1: the prefixes keep an inner node from being passed off as a leaf */
export function hashLeaf(bytes: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + bytes.length);
  input[0] = LEAF_PREFIX;
  input.set(bytes, 1);
  return sha256(input);
}

/** @throws RangeError for a hash that has not 32 bytes. @see RFC 9162 §2.1.1 */
export function hashChildren(left: Uint8Array, right: Uint8Array): Buffer {
  // A shorter hash would leave bytes of unrelated memory in the input.
  if (!isHash(left) || !isHash(right)) throw new RangeError('a hash has 32 bytes');
  const input = Buffer.allocUnsafe(1 + 2 * SHA256_BYTES);
  input[0] = NODE_PREFIX;
  input.set(left, 1);
  input.set(right, 1 + SHA256_BYTES);
  return sha256(input);
}

/** Whether the bytes have the length of a hash of the tree. */
export function isHash(bytes: Uint8Array): boolean {
  return bytes.length === SHA256_BYTES;
}

/** The tree without leaves. */
export const emptyFrontier: Frontier = { size: 0, roots: [] };

/**
 * Takes up a frontier that was stored.
 *
 * @param roots As in `Frontier.roots`.
 * @throws RangeError for a size out of bounds, roots that do not fit the size, or a root that has not 32 bytes
 */
export function frontierOf(size: number, roots: readonly Uint8Array[]): Frontier {
  if (!isSize(size)) throw new RangeError('not a tree size');
  if (roots.length !== bitsSet(size) || !roots.every(isHash))
    throw new RangeError('the roots do not fit the tree size');
  return { size, roots: [...roots] };
}

/**
 * Appends leaves.
 *
 * @param leafHashes From `hashLeaf`, in the order of the log.
 * @returns the frontier after them, and every subtree that they complete (the leaves themselves are level 0), lower
 *   levels before the higher ones that stand on them: what a store has to keep for the proofs.
 * @throws RangeError for a leaf hash that has not 32 bytes
 */
export function extendFrontier(
  frontier: Frontier,
  leafHashes: readonly Uint8Array[],
): { readonly frontier: Frontier; readonly completed: readonly TreeNode[] } {
  if (!leafHashes.every(isHash)) throw new RangeError('a hash has 32 bytes');
  const roots = [...frontier.roots];
  const completed: TreeNode[] = [];
  let size = frontier.size;
  for (const leafHash of leafHashes) {
    let node: TreeNode = { level: 0, index: size, hash: leafHash };
    completed.push(node);
    for (let left = leftOf(node, roots); left !== undefined; left = leftOf(node, roots)) {
      node = { level: node.level + 1, index: (node.index - 1) / 2, hash: hashChildren(left, node.hash) };
      completed.push(node);
    }
    roots.push(node.hash);
    size += 1;
  }
  return { frontier: { size, roots }, completed };
}

/** The root of the whole tree; SHA-256 of nothing where there is no leaf. @see RFC 9162 §2.1.1 */
export function frontierRoot(frontier: Frontier): Uint8Array {
  return frontier.roots.length === 0 ? sha256('') : joinRoots(frontier.roots);
}

/**
 * The root over neighbouring complete subtrees, largest first.
 *
 * @throws TypeError where there is none
 */
export function joinRoots(roots: readonly Uint8Array[]): Uint8Array {
  return roots.reduceRight((right, left) => hashChildren(left, right));
}

/** Whether a number can be the size of a tree. */
export function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}

function leftOf(node: TreeNode, roots: Uint8Array[]): Uint8Array | undefined {
  return node.index % 2 === 1 ? roots.pop() : undefined;
}

function bitsSet(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
