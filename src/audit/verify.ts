import {
  emptyFrontier,
  equalBytes,
  extendFrontier,
  type Frontier,
  frontierRoot,
  hashLeaf,
  type TreeHead,
  type VerifierKey,
  verifyCheckpoint,
} from '../crypto/index.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { readEntry } from './entry.ts';
import { NODE_LEVELS } from './integrator.ts';
import { auditStore, type CheckpointRow, type NumberedEntry } from './store.ts';

/** One thing that is wrong with a log, and where. */
export interface AuditFlaw {
  /** `entry 17 (0192…)`, `checkpoint of size 40`, `node 8/0`, `database`. */
  readonly where: string;
  readonly reason: string;
}

export interface AuditReport {
  readonly whole: boolean;
  readonly origin: string;
  readonly entries: number;
  /** Committed and not yet numbered: covered by no signature for up to a second. */
  readonly unnumbered: number;
  readonly checkpoints: number;
  /** The last checkpoint as signed; keep it elsewhere, and the next verification can be held against it. */
  readonly head: string | undefined;
  /** The first 100. */
  readonly flaws: readonly AuditFlaw[];
}

export interface VerifyOptions {
  /** Comes from somewhere else than the database: whoever can change the log could change a key beside it. */
  readonly key: VerifierKey;
  /** A checkpoint kept from earlier: the log must begin with the tree that it states. */
  readonly since?: string | undefined;
  readonly onProgress?: ((entries: number) => void) | undefined;
}

const PAGE = 2_000;
const MAX_FLAWS = 100;

type Report = (where: string, reason: string) => void;

/** Reads the whole log and says whether it is as it was signed, and where not. Writes nothing. */
export async function verifyLog(storage: Storage, { key, since, onProgress }: VerifyOptions): Promise<AuditReport> {
  const flaws: AuditFlaw[] = [];
  const report: Report = (where, reason) => {
    if (flaws.length < MAX_FLAWS) flaws.push({ where, reason });
  };
  const older = since === undefined ? undefined : verifyCheckpoint(since, key.publicKey, key.keyName);
  if (since !== undefined && older === undefined) report('kept checkpoint', 'it is not signed by the key of this log');

  const tree = replay(report, older);
  const signed = createHeadCheck(report, key);
  let unnumbered = 0;
  try {
    for (const finding of await storage.integrity()) report('database', finding);
    await storage.read(platform, async (tx) => {
      await readThrough(tx, tree, signed, report, onProgress);
      tree.compareNodes(await auditStore.nodes(tx));
      unnumbered = await auditStore.countUnnumbered(tx);
    });
  } catch (error) {
    report('database', error instanceof Error ? error.message : 'it cannot be read');
  }
  if (older !== undefined && older.size > tree.size()) report('kept checkpoint', 'entries that it states are gone');
  return {
    whole: flaws.length === 0,
    origin: key.keyName,
    entries: tree.size(),
    unnumbered,
    ...signed.summary(),
    flaws,
  };
}

/** Walks entries and checkpoints side by side: each checkpoint is held against the tree at its own size. */
async function readThrough(
  tx: Tx,
  tree: Replay,
  signed: HeadCheck,
  report: Report,
  onProgress: VerifyOptions['onProgress'],
): Promise<void> {
  let due = await auditStore.checkpoints(tx, 0, PAGE);
  let page = await auditStore.from(tx, 0, PAGE);
  while (page.length > 0) {
    for (const row of page) {
      tree.take(row);
      for (let next = due[0]; next !== undefined && next.size <= tree.size(); next = due[0]) {
        signed.check(next, tree.frontier());
        due = due.length > 1 ? due.slice(1) : await auditStore.checkpoints(tx, next.size, PAGE);
      }
    }
    onProgress?.(tree.size());
    page = await auditStore.from(tx, (page.at(-1)?.seq ?? 0) + 1, PAGE);
  }
  for (const { size } of due) report(`checkpoint of size ${size}`, 'entries that it states are gone');
  const last = await auditStore.lastCheckpoint(tx);
  if ((last?.size ?? 0) < tree.size()) report(`entry ${last?.size ?? 0}`, 'from here on no checkpoint covers the log');
}

interface HeadCheck {
  check(row: CheckpointRow, frontier: Frontier): void;
  summary(): Pick<AuditReport, 'checkpoints' | 'head'>;
}

function createHeadCheck(report: Report, key: VerifierKey): HeadCheck {
  let checkpoints = 0;
  let latest: string | undefined;
  return {
    check: (row, frontier) => {
      checkpoints++;
      const where = `checkpoint of size ${row.size}`;
      const signed = verifyCheckpoint(row.note, key.publicKey, key.keyName);
      if (signed === undefined) report(where, 'its signature does not verify');
      else if (signed.origin !== key.keyName || signed.size !== row.size)
        report(where, 'it was signed for another place');
      else if (!equalBytes(signed.root, frontierRoot(frontier)))
        report(where, 'the entries before it are not those that were signed');
      else if (!equalBytes(Buffer.concat(frontier.roots), row.frontier))
        report(where, 'what the log would go on from is not what was signed');
      else latest = row.note;
    },
    summary: () => ({ checkpoints, head: latest }),
  };
}

interface Replay {
  take(row: NumberedEntry): void;
  size(): number;
  frontier(): Frontier;
  compareNodes(stored: readonly { level: number; idx: number; hash: Uint8Array }[]): void;
}

/** Grows the tree once more from the entries, and says where a row is not what the tree was made of. */
function replay(report: Report, older: TreeHead | undefined): Replay {
  let frontier = emptyFrontier;
  const nodes = new Map<string, Uint8Array>();

  function take(row: NumberedEntry): void {
    const where = `entry ${row.seq} (${row.id})`;
    if (row.seq !== frontier.size) report(where, `entry ${frontier.size} should stand here`);
    const leaf = hashLeaf(Buffer.from(row.body));
    if (row.leaf === null || !equalBytes(leaf, row.leaf)) report(where, 'its text is not the one that was hashed');
    const entry = readEntry(row);
    if (entry === undefined) report(where, 'its text is not readable');
    else if (entry.flaw !== undefined) report(where, entry.flaw);

    // With the stored leaf a changed text is one flaw; with its own every later checkpoint would be reported too.
    const grown = extendFrontier(frontier, [row.leaf?.length === leaf.length ? row.leaf : leaf]);
    frontier = grown.frontier;
    for (const { level, index, hash } of grown.completed) {
      if (level > 0 && level % NODE_LEVELS === 0) nodes.set(`${level}/${index}`, hash);
    }
    if (older?.size === frontier.size && !equalBytes(older.root, frontierRoot(frontier))) {
      report('kept checkpoint', 'the log does not begin with what it states');
    }
  }

  function compareNodes(stored: readonly { level: number; idx: number; hash: Uint8Array }[]): void {
    for (const { level, idx, hash } of stored) {
      const place = `${level}/${idx}`;
      const own = nodes.get(place);
      if (own === undefined || !equalBytes(own, hash)) report(`node ${place}`, 'it is not what its entries hash to');
      nodes.delete(place);
    }
    for (const place of nodes.keys()) report(`node ${place}`, 'it is gone');
  }

  return {
    take,
    size: () => frontier.size,
    frontier: () => frontier,
    compareNodes,
  };
}
