import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import { backupIdentityOf, createMasterKey, type MasterKey, masterIdOf } from './master-key.ts';
import type { OpenMasters } from './masters.ts';
import type { MasterKeyProvider } from './provider.ts';
import { masterStore, type StoredMaster } from './store-masters.ts';

export interface OpenMastersDeps {
  readonly storage: Storage;
  readonly provider: MasterKeyProvider;
  /** Earlier keys that the operator still hands in, so that what they wrap can be wrapped anew. */
  readonly previous?: readonly Secret<Buffer>[] | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** For how long open keys go on while a remote provider is away. */
  readonly graceMs: number;
  /** How long before its first use a new master is announced: 0 where one process has the database to itself. */
  readonly leadMs?: number | undefined;
  readonly onError: (error: unknown) => void;
}

interface Held {
  readonly master: MasterKey;
  readonly bytes: Secret<Buffer>;
}

/** What a process knows of the masters; `learn` replaces the members. */
interface Knowledge {
  readonly held: Map<string, Held>;
  known: readonly StoredMaster[];
  reachable: boolean;
  reachedAt: EpochMs;
  probedAt: EpochMs;
  /** What the operator was told last of an outage. */
  told: string;
}

interface Ground {
  readonly deps: OpenMastersDeps;
  readonly knowledge: Knowledge;
  readonly admit: (bytes: Secret<Buffer>) => void;
}

/** By which time every process has learned of a new master: three turns of `tend`. */
const LEAD_MS = seconds(15);
const PROBE_MS = seconds(30);
const MOST_RETIRED = 20;

/**
 * Finds the master keys of a migrated database, or makes the first.
 *
 * @throws VAULT_MASTER_KEY when the one that wraps its keys is not among those that can be had here: a new one in its
 *   place would make everything sealed unreadable, silently
 * @throws VAULT_PROVIDER_AWAY when the provider that would open it does not answer
 */
export async function openMasters(deps: OpenMastersDeps): Promise<OpenMasters> {
  const { storage, provider, previous = [], clock, random } = deps;
  const now = clock.now();
  const knowledge: Knowledge = { held: new Map(), known: [], reachable: true, reachedAt: now, probedAt: now, told: '' };
  const admit = (bytes: Secret<Buffer>): void => {
    const master = createMasterKey(bytes.reveal(), random);
    knowledge.held.set(master.id, { master, bytes });
  };
  for (const bytes of [...provider.held(), ...previous]) admit(bytes);
  knowledge.known = await storage.read(platform, masterStore.all);
  if (knowledge.known.length === 0) {
    await addFirst(deps, admit);
    knowledge.known = await storage.read(platform, masterStore.all);
  }
  await openWrapped(deps, knowledge, admit);
  await assertHeld(deps, knowledge);
  return live({ deps, knowledge, admit });
}

/** Two processes may get here at once: the serializable write lets one of them name the key. */
async function addFirst({ storage, provider, clock }: OpenMastersDeps, admit: (b: Secret<Buffer>) => void) {
  const [ready] = provider.held();
  const { bytes, wrapped = null } = ready === undefined ? await provider.make() : { bytes: ready };
  admit(bytes);
  const row = { id: masterIdOf(bytes.reveal()), provider: provider.kind, wrapped };
  await storage.write(platform, async (tx) => {
    if ((await masterStore.all(tx)).length === 0) await masterStore.add(tx, row, clock.now());
  });
}

/** Opens what a remote provider has wrapped; of those in use each must open, retired ones serve old backups alone. */
async function openWrapped(
  { provider }: OpenMastersDeps,
  { held, known }: Knowledge,
  admit: (bytes: Secret<Buffer>) => void,
): Promise<void> {
  const retired = known.filter((row) => row.retired_at !== null).slice(-MOST_RETIRED);
  for (const row of [...known.filter(({ retired_at }) => retired_at === null), ...retired]) {
    if (held.has(row.id) || row.wrapped === null || provider.kind !== 'transit') continue;
    try {
      const bytes = await provider.open(row.wrapped);
      if (masterIdOf(bytes.reveal()) !== row.id) {
        throw vaultFault('VAULT_MASTER_KEY', { reason: `the provider opened another key than ${row.id}` });
      }
      admit(bytes);
    } catch (error) {
      if (row.retired_at === null) throw error;
    }
  }
}

/** The newest must be there, and any other that still wraps a key. */
async function assertHeld({ storage, provider }: OpenMastersDeps, { held, known }: Knowledge): Promise<void> {
  const rows = known.filter(({ retired_at }) => retired_at === null);
  const first = known[0]?.id ?? '';
  for (const [at, row] of rows.entries()) {
    if (held.has(row.id)) continue;
    const keys = await storage.read(platform, (tx) => masterStore.countUnder(tx, first, row.id));
    const isNewest = at === rows.length - 1;
    if (isNewest || keys > 0) throw lacking(provider, row, isNewest ? undefined : keys);
  }
}

/** @param keys how many an earlier one still wraps */
function lacking(provider: MasterKeyProvider, { id, provider: kept }: StoredMaster, keys?: number): Error {
  const elsewhere = kept !== null && kept !== provider.kind;
  if (keys !== undefined) {
    const reason = `${keys} keys are still under the earlier key ${id}; hand that one in too`;
    return vaultFault('VAULT_MASTER_KEY', { reason, master: id });
  }
  const reason = elsewhere ? `this database's is ${id}, of the provider ${kept}` : provider.explainLack();
  return vaultFault('VAULT_MASTER_KEY', { reason, master: id });
}

function live(ground: Ground): OpenMasters {
  const { deps, knowledge } = ground;
  const { provider, clock, graceMs } = deps;
  return {
    get current() {
      assertReachable(ground);
      return currentOf(ground).master;
    },
    of: (id) => masterOf(ground, id),
    assertLent: () => assertLent(ground),
    get state() {
      const { reachable, reachedAt } = knowledge;
      return { provider: provider.kind, reachable, reachedAt: isRemote(ground) ? reachedAt : clock.now(), graceMs };
    },
    get known() {
      return knowledge.known;
    },
    get newest() {
      return newestOf(knowledge);
    },
    get isOutgrown() {
      return isOutgrown(provider, knowledge.known, newestOf(knowledge));
    },
    bytes: () => {
      assertReachable(ground);
      return currentOf(ground).bytes;
    },
    backupIdentities: () => {
      assertLent(ground); // a backup is not put off for an outage
      const first = currentOf(ground);
      const others = [...knowledge.held.values()].filter((one) => one !== first);
      return [first, ...others].map(({ bytes }) => createSecret(backupIdentityOf(bytes.reveal())));
    },
    learn: () => learn(ground),
    tend: async () => {
      try {
        await tend(ground);
      } catch (error) {
        if (isFault(error, 'VAULT_PROVIDER_AWAY')) knowledge.reachable = false;
        tell(ground, error);
      }
    },
  };
}

const isRemote = ({ deps }: Ground): boolean => deps.provider.kind === 'transit';

const inUse = ({ known }: Knowledge): readonly StoredMaster[] => known.filter(({ retired_at }) => retired_at === null);

function newestOf(knowledge: Knowledge): StoredMaster {
  const row = inUse(knowledge).at(-1);
  if (row === undefined) throw vaultFault('VAULT_MASTER_KEY', { reason: 'every one of this database is retired' });
  return row;
}

function away({ deps, knowledge }: Ground): Error {
  return vaultFault('VAULT_PROVIDER_AWAY', { provider: deps.provider.kind, since: rfc3339(knowledge.reachedAt) });
}

function assertReachable(ground: Ground): void {
  if (!ground.knowledge.reachable) throw away(ground);
}

function assertLent(ground: Ground): void {
  const { deps, knowledge } = ground;
  if (!knowledge.reachable && deps.clock.now() - knowledge.reachedAt > deps.graceMs) throw away(ground);
}

/** A new one is announced first: whoever wrapped by it at once would make keys that others cannot open yet. */
function currentOf({ deps, knowledge }: Ground): Held {
  const { provider, clock, leadMs = LEAD_MS } = deps;
  const now = clock.now();
  const rows = inUse(knowledge);
  const row = rows.findLast(({ created_at }, at) => at === 0 || created_at + leadMs <= now);
  const id = row?.id ?? newestOf(knowledge).id;
  const found = knowledge.held.get(id);
  if (found === undefined) throw vaultFault('VAULT_MASTER_KEY', { reason: provider.explainLack(), master: id });
  return found;
}

function masterOf(ground: Ground, id: string | null): MasterKey {
  const { held, known } = ground.knowledge;
  assertReachable(ground);
  const wanted = id ?? known[0]?.id ?? '';
  const found = held.get(wanted);
  if (found !== undefined) return found.master;
  if (!known.some((row) => row.id === wanted)) {
    learn(ground).catch((error) => tell(ground, error)); // another process has made it since, long before it is used
    throw away(ground);
  }
  throw vaultFault('VAULT_MASTER_KEY', { reason: `the master ${wanted} is not held here`, master: wanted });
}

async function learn({ deps, knowledge, admit }: Ground): Promise<void> {
  const { held } = knowledge;
  knowledge.known = await deps.storage.read(platform, masterStore.all);
  if (inUse(knowledge).every(({ id }) => held.has(id))) return;
  for (const bytes of deps.provider.held()) if (!held.has(masterIdOf(bytes.reveal()))) admit(bytes);
  await openWrapped(deps, knowledge, admit);
}

async function tend(ground: Ground): Promise<void> {
  const { deps, knowledge } = ground;
  await learn(ground);
  const isTime = !knowledge.reachable || deps.clock.now() - knowledge.probedAt >= PROBE_MS;
  if (isRemote(ground) && isTime) await probe(ground);
  if (knowledge.reachable) knowledge.told = '';
}

/** Whether the provider still opens what it gave us: a key that it no longer lends must not be used for ever. */
async function probe(ground: Ground): Promise<void> {
  const { deps, knowledge } = ground;
  knowledge.probedAt = deps.clock.now();
  const { id, wrapped } = newestOf(knowledge);
  if (wrapped === null) return; // it is to become the provider's yet
  const bytes = await deps.provider.open(wrapped);
  if (masterIdOf(bytes.reveal()) !== id) throw away(ground);
  knowledge.reachable = true;
  knowledge.reachedAt = deps.clock.now();
}

/** Said once for each outage, not every few seconds. */
function tell({ deps, knowledge }: Ground, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  if (knowledge.told !== text) deps.onError(error);
  knowledge.told = text;
}

/**
 * Whether the newest is to be followed by one of the provider's. One that the environment hands in and the database has
 * seen before was replaced before, and is never taken up again.
 */
function isOutgrown(provider: MasterKeyProvider, known: readonly StoredMaster[], newest: StoredMaster): boolean {
  if (provider.kind === 'transit') return newest.wrapped === null;
  const ids = provider.held().map((bytes) => masterIdOf(bytes.reveal()));
  if (ids.includes(newest.id)) return false;
  return provider.kind !== 'environment' || !known.some(({ id }) => id === ids[0]);
}
