import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import type { Clock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { writeEntry } from './entry.ts';
import { createHeadGuard, type HeadKeeper } from './head.ts';
import { createIntegrator, type Integrator } from './integrator.ts';
import { createReadBuffer, type ReadAccess } from './reads.ts';
import { createRefusalGate } from './refusals.ts';
import { type LogKey, openLogKey } from './signing-key.ts';

export interface AuditDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  /** Names this process among those that share a database. */
  readonly holder: string;
  /** Where the newest signed head is remembered, outside of the database. */
  readonly head: HeadKeeper;
  /** Given where another thread of this process numbers and signs the log; this one then only writes entries. */
  readonly integrator?: Integrator | undefined;
  readonly onError: (error: unknown) => void;
}

/** The record of who did what. */
export interface Audit extends AuditSink {
  readonly key: LogKey;
  /** Writes an entry that belongs to no other write, and waits until it is kept. */
  write(entry: AuditEntry): Promise<void>;
  /** Notes a read; entries follow within a tenth of a second, many reads in one. */
  noteRead(access: ReadAccess): void;
  /** Notes a refusal of somebody unknown, within the bounds that keep an attacker from filling the disk. */
  noteRefusal(addressBlock: string, entry: AuditEntry): void;
  /** Numbers and signs everything that is committed. @returns the size of the log */
  integrate(): Promise<number>;
  start(): void;
  /** Writes what has gathered, signs it, and ends. */
  stop(): Promise<void>;
}

const FLUSH_MS = 100;
const COUNTED_MS = 10_000;

export async function createAudit(deps: AuditDeps): Promise<Audit> {
  const { storage, vault, clock, random, holder, onError } = deps;
  const key = await openLogKey(deps);
  const integrator = deps.integrator ?? ownIntegrator();
  const entryDeps = { subjects: vault.subjects, clock, random };
  const record: AuditSink['record'] = (tx, entry) => writeEntry(entryDeps, tx, entry);
  const write = (entry: AuditEntry): Promise<void> => storage.write(platform, (tx) => record(tx, entry));

  function ownIntegrator(): Integrator {
    const guard = createHeadGuard(deps.head, key);
    return createIntegrator({ storage, key, guard, clock, holder, onError });
  }

  let flushing: NodeJS.Timeout | undefined;
  const reads = createReadBuffer(() => void flushReads().catch(onError));
  const gate = createRefusalGate(clock);
  let counting: NodeJS.Timeout | undefined;

  async function flushReads(): Promise<void> {
    clearTimeout(flushing);
    flushing = undefined;
    const drained = reads.drain();
    if (drained.length === 0) return;
    await storage.write(platform, async (tx) => {
      for (const { tenantId, accesses } of drained) {
        const facts = { accesses };
        await record(tx, { action: 'access.read', outcome: 'done', principal: anonymous, tenantId, facts });
      }
    });
  }

  async function flushRefusals(everything: boolean): Promise<void> {
    for (const { addressBlock, refused } of gate.drain(everything)) {
      const facts = { refused };
      await write({ action: 'access.refused', outcome: 'refused', principal: anonymous, facts, address: addressBlock });
    }
  }

  return {
    key,
    record,
    write,
    integrate: integrator.integrate,
    noteRead: (access) => {
      reads.note(access);
      flushing ??= setTimeout(() => void flushReads().catch(onError), FLUSH_MS).unref();
    },
    noteRefusal: (addressBlock, entry) => {
      if (gate.admit(addressBlock)) write(entry).catch(onError);
    },
    start: () => {
      integrator.start();
      counting = setInterval(() => void flushRefusals(false).catch(onError), COUNTED_MS).unref();
    },
    stop: async () => {
      clearInterval(counting);
      await flushReads().catch(onError);
      await flushRefusals(true).catch(onError);
      await integrator.stop();
    },
  };
}
