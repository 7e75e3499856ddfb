import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import { backupIdentityOf, createMasterKey, type MasterKey, masterIdOf } from './master-key.ts';
import { lackLine } from './master-lack.ts';
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
  /** Those in use that are not held, and that the provider does not open either; as a rule none. */
  missing: readonly StoredMaster[];
  reachable: boolean;
  reachedAt: EpochMs;
  probedAt: EpochMs;
  /** What the operator was told of an outage. */
  readonly told: Set<string>;
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
const MOST_TOLD = 20;

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
  const lists = { held: new Map(), known: [], missing: [], told: new Set<string>() };
  const knowledge: Knowledge = { ...lists, reachable: true, reachedAt: now, probedAt: now };
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
  knowledge.missing = missingOf(deps, knowledge);
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
    const why = provider.kind === 'file' ? provider.explainLack(id) : 'hand that one in too';
    const reason = `${keys} keys are still under the earlier key ${id}; ${why}`;
    return vaultFault('VAULT_MASTER_KEY', { reason, master: id });
  }
  const reason = elsewhere ? `this database's is ${id}, of the provider ${kept}` : provider.explainLack(id);
  return vaultFault('VAULT_MASTER_KEY', { reason, master: id });
}

function live(ground: Ground): OpenMasters {
  const { deps, knowledge } = ground;
  const { provider, clock, graceMs } = deps;
  const isThere = (): boolean => knowledge.reachable && lackedBy(ground) === undefined;
  return {
    get current() {
      assertReachable(ground);
      return currentOf(ground).master;
    },
    of: (id) => masterOf(ground, id),
    assertLent: () => assertLent(ground),
    get state() {
      const reachable = isThere();
      const reachedAt = reachable && !isRemote(ground) ? clock.now() : knowledge.reachedAt;
      return { provider: provider.kind, reachable, reachedAt, graceMs };
    },
    get isLacking() {
      return lackedBy(ground) !== undefined;
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
        const isShut = isRemote(ground) && inUse(knowledge).some(({ id }) => !knowledge.held.has(id));
        if (isShut || isFault(error, 'VAULT_PROVIDER_AWAY')) knowledge.reachable = false;
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

function away({ deps, knowledge }: Ground, master?: string): Error {
  const facts = { provider: deps.provider.kind, since: rfc3339(knowledge.reachedAt) };
  return vaultFault('VAULT_PROVIDER_AWAY', master === undefined ? facts : { ...facts, master });
}

/** What a remote provider has wrapped and only does not open at present is an outage, not missing. */
const missingOf = ({ provider }: OpenMastersDeps, knowledge: Knowledge): readonly StoredMaster[] =>
  inUse(knowledge).filter(({ id, wrapped }) => !knowledge.held.has(id) && (provider.kind !== 'transit' || !wrapped));

/**
 * The current or the newest, when this process has no way to come by it: another machine has made it. What it wraps cannot
 * be opened here, so the process says as a whole that it is of no use, before a client meets such a key.
 */
function lackedBy({ deps, knowledge }: Ground): StoredMaster | undefined {
  if (knowledge.missing.length === 0) return undefined; // it is asked for every value
  const wanted = [rowNow(deps, inUse(knowledge))?.id, newestOf(knowledge).id];
  return knowledge.missing.find(({ id }) => wanted.includes(id));
}

function assertReachable(ground: Ground): void {
  const lacked = lackedBy(ground);
  if (lacked !== undefined) throw away(ground, lacked.id);
  if (!ground.knowledge.reachable) throw away(ground);
}

function assertLent(ground: Ground): void {
  const { deps, knowledge } = ground;
  const lacked = lackedBy(ground); // for it there is no grace: it does not come back by itself
  if (lacked !== undefined) throw away(ground, lacked.id);
  if (!knowledge.reachable && deps.clock.now() - knowledge.reachedAt > deps.graceMs) throw away(ground);
}

/** A new one is announced first: whoever wrapped by it at once would make keys that others cannot open yet. */
function rowNow({ clock, leadMs = LEAD_MS }: OpenMastersDeps, rows: readonly StoredMaster[]): StoredMaster | undefined {
  const now = clock.now();
  return rows.findLast(({ created_at }, at) => at === 0 || created_at + leadMs <= now);
}

function currentOf(ground: Ground): Held {
  const { deps, knowledge } = ground;
  const id = rowNow(deps, inUse(knowledge))?.id ?? newestOf(knowledge).id;
  const found = knowledge.held.get(id);
  if (found === undefined) throw away(ground, id);
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
  if (inUse(ground.knowledge).some((row) => row.id === wanted)) throw away(ground, wanted);
  throw vaultFault('VAULT_MASTER_KEY', { reason: `the master ${wanted} is not held here`, master: wanted });
}

async function learn(ground: Ground): Promise<void> {
  const { deps, knowledge, admit } = ground;
  const { held } = knowledge;
  knowledge.known = await deps.storage.read(platform, masterStore.all);
  if (inUse(knowledge).some(({ id }) => !held.has(id))) {
    for (const bytes of deps.provider.held()) if (!held.has(masterIdOf(bytes.reveal()))) admit(bytes);
    await openWrapped(deps, knowledge, admit);
  }
  knowledge.missing = missingOf(deps, knowledge);
  const lacked = lackedBy(ground);
  if (lacked !== undefined) tell(ground, lackOf(deps.provider, lacked));
  else if (!isRemote(ground)) knowledge.reachedAt = deps.clock.now();
}

/** The fix stands in the message, for the log prints that. */
const lackOf = (provider: MasterKeyProvider, row: StoredMaster): Error =>
  new Error(lackLine(provider, row), { cause: vaultFault('VAULT_MASTER_KEY', { master: row.id }) });

async function tend(ground: Ground): Promise<void> {
  const { deps, knowledge } = ground;
  await learn(ground);
  const isTime = !knowledge.reachable || deps.clock.now() - knowledge.probedAt >= PROBE_MS;
  if (isRemote(ground) && isTime) await probe(ground);
  if (knowledge.reachable && lackedBy(ground) === undefined) knowledge.told.clear();
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
  if (!knowledge.told.has(text)) deps.onError(error);
  if (knowledge.told.size >= MOST_TOLD) knowledge.told.clear();
  knowledge.told.add(text);
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
