import { isSize, joinRoots } from './merkle.ts';

/** Reads the root of the complete subtree over the leaves `index * 2^level` up to `(index + 1) * 2^level`. */
export type NodeAt = (level: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** Leaves from `start` up to, but not with, `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The hashes that lead from a leaf to the root of the tree of `size` leaves.
 *
 * @param nodeAt Asked for O(log n) complete subtrees within `size`, all at once.
 * @returns 32-byte hashes from the leaf's sibling upwards.
 * @throws RangeError for a leaf outside the tree
 * @see RFC 9162 §2.1.3.1
 */
export async function inclusionPath(index: number, size: number, nodeAt: NodeAt): Promise<Uint8Array[]> {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError('no such leaf');
  const siblings: Span[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  return rootsOf(siblings.reverse(), nodeAt);
}

/**
 * The hashes that show the tree of `from` leaves to be the beginning of the tree of `to` leaves. Empty where that
 * needs no showing: from nothing, and from a tree to itself.
 *
 * @param nodeAt Asked for O(log n) complete subtrees within `to`, all at once.
 * @throws RangeError where `from` is past `to`
 * @see RFC 9162 §2.1.4.1
 */
export async function consistencyPath(from: number, to: number, nodeAt: NodeAt): Promise<Uint8Array[]> {
  if (!isSize(from) || !isSize(to) || from > to) throw new RangeError('no such pair of trees');
  if (from === 0) return [];
  const spans: Span[] = [];
  let start = 0;
  let end = to;
  while (end !== from) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      spans.push({ start: middle, end });
      end = middle;
    } else {
      spans.push({ start, end: middle });
      start = middle;
    }
  }
  // Where the older tree is itself a subtree of the newer one, its root is known to whoever asks.
  if (start > 0) spans.push({ start, end });
  return rootsOf(spans.reverse(), nodeAt);
}

function rootsOf(spans: readonly Span[], nodeAt: NodeAt): Promise<Uint8Array[]> {
  return Promise.all(spans.map(async (span) => joinRoots(await Promise.all(completeNodes(span, nodeAt)))));
}

/** A span of a path starts at a multiple of the power of two at or above its length, so cutting it greedily is enough. */
function completeNodes({ start, end }: Span, nodeAt: NodeAt): (Uint8Array | Promise<Uint8Array>)[] {
  const nodes: (Uint8Array | Promise<Uint8Array>)[] = [];
  let at = start;
  while (at < end) {
    let level = 0;
    let width = 1;
    while (width * 2 <= end - at) {
      level += 1;
      width *= 2;
    }
    nodes.push(nodeAt(level, at / width));
    at += width;
  }
  return nodes;
}

/** The largest power of two below `length`, which is at least 2; sizes pass 2^31, where bit operators fail. */
function splitOf(length: number): number {
  let split = 1;
  while (split * 2 < length) split *= 2;
  return split;
}
