import { consistencyPath, hashChildren, inclusionPath, type NodeAt } from '../crypto/index.ts';
import type { Tx } from '../kernel/tx.ts';
import { auditFault } from './errors.ts';
import { NODE_LEVELS } from './integrator.ts';
import { auditStore } from './store.ts';

/** Reads complete subtrees out of the kept nodes and leaves; each costs at most 256 hashes. */
function nodesOf(tx: Tx): NodeAt {
  const nodeAt = async (level: number, index: number): Promise<Uint8Array> => {
    if (level > 0 && level % NODE_LEVELS === 0) {
      const kept = await auditStore.node(tx, level, index);
      if (kept === undefined) throw auditFault('AUDIT_ENTRY_UNKNOWN');
      return kept;
    }
    if (level < NODE_LEVELS) return fold(await auditStore.leaves(tx, index * 2 ** level, (index + 1) * 2 ** level));
    return hashChildren(await nodeAt(level - 1, index * 2), await nodeAt(level - 1, index * 2 + 1));
  };
  return nodeAt;
}

function fold(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at + 1 < row.length; at += 2) {
      const [left, right] = [row[at], row[at + 1]];
      if (left !== undefined && right !== undefined) above.push(hashChildren(left, right));
    }
    row = above;
  }
  const [root] = row;
  if (root === undefined) throw auditFault('AUDIT_ENTRY_UNKNOWN');
  return root;
}

/** The hashes that lead from one entry to the root of the tree of that size. @see RFC 9162 §2.1.3 */
export const proveInclusion = (tx: Tx, seq: number, size: number): Promise<Uint8Array[]> =>
  inclusionPath(seq, size, nodesOf(tx));

/** The hashes that show that the older tree is the beginning of the newer. @see RFC 9162 §2.1.4 */
export const proveConsistency = (tx: Tx, from: number, to: number): Promise<Uint8Array[]> =>
  consistencyPath(from, to, nodesOf(tx));
