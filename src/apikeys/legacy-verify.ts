import { createSecretKey } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { BCRYPT_COSTS, type Bcrypt, hmacSha256 } from '../crypto/index.ts';
import type { ApiKeyId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ApiKeyPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { inTenant, lookup, type Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import { apiKeyFault, endedKeyFault } from './errors.ts';
import { createFairLanes } from './fair-lanes.ts';
import { isOurForm } from './key.ts';
import { workOf } from './legacy-file.ts';
import { apiKeyStore, LEGACY_PREFIX_CHARS } from './store.ts';
import { type LegacyHash, legacyStore } from './store-legacy.ts';

/** Counts what a caller makes us hash. What the functions return is awaited. */
export interface LegacyGuard {
  /** Who takes turns with whom, as the block of the caller's address: of one lane only a few wait or run. */
  readonly lane: string;
  /** Called when it is the key's turn to be hashed, which may be seconds later; throws where nothing more is owed. */
  beforeSlow(): unknown;
  /** Undoes what `beforeSlow` counted, for the key turned out good, or could not be checked at all. */
  giveBack(): unknown;
}

export interface LegacyVerifierDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly bcrypt: Bcrypt;
}

export interface LegacyVerifier {
  /** @throws APIKEY_INVALID, CRYPTO_BUSY, and what the guard throws */
  verify(text: string, guard: LegacyGuard | undefined): ApiKeyPrincipal | Promise<ApiKeyPrincipal>;
  /** To be called in the write that changes a legacy key, or any of them. */
  drop(tx: Tx, id?: ApiKeyId): void;
}

interface Proven {
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
}

const MAX_REMEMBERED = 20_000;
const MAX_WAITING = 64;
/** Searches of one lane, waiting or running. */
const MAX_PER_LANE = 4;
// Longer than its prefix, or the whole key would stand in lists and logs (D03); no longer than bcrypt reads (X28).
const FORM = new RegExp(`^[\\x20-\\x7e]{${LEGACY_PREFIX_CHARS + 1},72}$`);

/**
 * Keys of which only a bcrypt hash is known. The slow hash runs once per key and process: what a key has proved is
 * remembered under an HMAC of it, by a key that this process alone has. Whether it is still good is asked each time.
 */
export function createLegacyVerifier({ storage, bus, clock, random, bcrypt }: LegacyVerifierDeps): LegacyVerifier {
  const cached = { storage, bus, clock };
  const topics = { principal: 'apikeys.legacy', work: 'apikeys.legacy-work' };
  const principals = createFreshCache<ApiKeyPrincipal>({
    ...cached,
    topic: topics.principal,
    maxEntries: MAX_REMEMBERED,
  });
  const mostWork = createFreshCache<number>({ ...cached, topic: topics.work, maxEntries: 1 });
  const remembered = new Map<string, Proven>();
  const ended = new Set<string>(); // digests of keys that were good in this process
  const searches = new Map<string, Promise<Proven | undefined>>();
  const secret = createSecretKey(random.bytes(32));
  // Half of the cores: bad keys must not keep people from signing in, whose passwords wait in the same queue.
  const concurrency = Math.max(1, availableParallelism() >> 1);
  const lanes = createFairLanes({ concurrency, perLane: MAX_PER_LANE, queueLimit: MAX_WAITING });

  const principalOf = ({ tenantId, id }: Proven): Promise<ApiKeyPrincipal | undefined> =>
    principals.load(id, async () => {
      const key = await storage.read(inTenant(tenantId), (tx) => apiKeyStore.get(tx, id));
      return key && { kind: 'api-key', apiKeyId: id, tenantId, scopes: key.scopes };
    });

  async function check(text: string, digest: string, guard: LegacyGuard | undefined): Promise<ApiKeyPrincipal> {
    const before = remembered.get(digest);
    const known = before && (await principalOf(before));
    if (known !== undefined) return known;
    if (before !== undefined) noteEnded(digest); // if its text opens another one, the hash tells
    const work = mostWork.get(ALL) ?? (await mostWork.load(ALL, () => storage.read(lookup, legacyStore.mostWork)));
    if (work === 0) throw ended.has(digest) ? endedKeyFault() : apiKeyFault('APIKEY_INVALID');
    const proven = await searchOnce(text, digest, work, guard);
    const principal = proven && (await principalOf(proven));
    if (proven === undefined || principal === undefined)
      throw ended.has(digest) ? endedKeyFault() : apiKeyFault('APIKEY_INVALID');
    return principal;
  }

  /**
   * A fleet that starts at once sends the same key many times over: one search answers them all. Those of another lane
   * have their own, or they would be refused with whoever came first.
   */
  function searchOnce(text: string, digest: string, work: number, guard: LegacyGuard | undefined) {
    const lane = guard?.lane ?? '';
    const name = `${digest} ${lane}`;
    const running = searches.get(name);
    if (running !== undefined) return running;
    const search = lanes.run(lane, () => attempt(text, digest, work, guard)).finally(() => searches.delete(name));
    searches.set(name, search);
    return search;
  }

  async function attempt(text: string, digest: string, work: number, guard: LegacyGuard | undefined) {
    const meanwhile = remembered.get(digest);
    if (meanwhile !== undefined) return meanwhile; // proved from elsewhere while this one waited
    await guard?.beforeSlow();
    let isBad = false;
    try {
      const proven = await searchFor(text, work);
      if (proven === undefined) isBad = true;
      else remember(digest, proven);
      return proven;
    } finally {
      if (!isBad) await guard?.giveBack();
    }
  }

  /** Every search that fails takes `work` rounds, whatever the key and however many hashes its prefix has. */
  async function searchFor(text: string, work: number): Promise<LegacyHash | undefined> {
    let left = work;
    const prefix = text.slice(0, LEGACY_PREFIX_CHARS);
    const hashes = FORM.test(text) ? await storage.read(lookup, (tx) => legacyStore.candidates(tx, prefix)) : [];
    for (const candidate of hashes) {
      if (await bcrypt.verify(candidate.hash, text)) return candidate;
      left -= workOf(candidate.hash);
    }
    for (const cost of costsOf(left)) await bcrypt.pretend(cost);
    return undefined;
  }

  function remember(digest: string, { tenantId, id }: Proven): void {
    remembered.set(digest, { tenantId, id });
    if (remembered.size > MAX_REMEMBERED) for (const oldest of remembered.keys()) return void remembered.delete(oldest);
  }

  function noteEnded(digest: string): void {
    remembered.delete(digest);
    ended.add(digest);
    if (ended.size > MAX_REMEMBERED) for (const oldest of ended) return void ended.delete(oldest);
  }

  return {
    verify: (text, guard) => {
      if (isOurForm(text) || (mostWork.get(ALL) === 0 && remembered.size + ended.size === 0))
        throw apiKeyFault('APIKEY_INVALID');
      const digest = hmacSha256(secret, text).toString('base64');
      const proven = remembered.get(digest);
      return (proven && principals.get(proven.id)) ?? check(text, digest, guard);
    },
    drop: (tx, id) => {
      principals.drop(tx, id);
      mostWork.drop(tx);
    },
  };
}

const ALL = 'all';

/** Costs of hashes that take so many rounds together. */
function* costsOf(rounds: number): Generator<number> {
  for (let left = rounds; left >= 2 ** BCRYPT_COSTS.least; ) {
    const cost = Math.min(BCRYPT_COSTS.most, 31 - Math.clz32(left));
    left -= 2 ** cost;
    yield cost;
  }
}
