import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import type { MasterKeys } from './masters.ts';
import { createOpenedKeys, type OpenedKey } from './opened-keys.ts';
import { aadOf } from './place.ts';
import { type KeyPurpose, type StoredNamedKey, vaultStore } from './store.ts';

export interface NamedKeyDeps {
  readonly storage: Pick<Storage, 'dialect'>;
  /** Tells the other processes of a destroyed key; without one they may open under it for another second. */
  readonly bus?: Bus | undefined;
  readonly masters: MasterKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of a destruction that is durable: the bytes of the key may still be on the disk. */
  readonly onDestroyed?: (() => void) | undefined;
}

/** Keys of people and of months, opened once and known for as long as the database has them. */
export interface NamedKeys {
  /** @throws VAULT_PROVIDER_AWAY */
  find(tx: Tx, purpose: KeyPurpose, name: string): Promise<KeyObject | undefined>;
  /** Makes the key inside `tx` when there is none yet. @throws VAULT_PROVIDER_AWAY */
  need(tx: Tx, purpose: KeyPurpose, name: string): Promise<KeyObject>;
  /** Makes a key that follows the newest one of a name. @returns its own name, as in `month-2026-11.2` */
  follow(tx: Tx, purpose: KeyPurpose, name: string): Promise<string>;
  /** @returns false when there was none */
  destroy(tx: Tx, purpose: KeyPurpose, name: string): Promise<boolean>;
}

const TOPIC = 'vault.subject-keys';
const KEY_BYTES = 32;
const MAX_CACHED = 10_000;

export function createNamedKeys({ storage, bus, masters, clock, random, onDestroyed }: NamedKeyDeps): NamedKeys {
  const fresh = createFreshCache<OpenedKey>({ storage, bus, topic: TOPIC, clock, maxEntries: MAX_CACHED });
  const opened = createOpenedKeys(MAX_CACHED);
  bus?.subscribe(TOPIC, (name) => opened.forget(typeof name === 'string' ? name : undefined));

  /** To be called before a key is read or made. @returns keeps it once the work that it is part of is durable */
  function keeping(tx: Tx, cacheName: string): (key: OpenedKey) => KeyObject {
    const keeps = [fresh.reading(cacheName), opened.reading(cacheName)];
    return (key) => {
      tx.afterCommit(() => {
        for (const keep of keeps) keep(key); // a key of a write that failed exists nowhere else
      });
      return key.key;
    };
  }

  async function find(tx: Tx, purpose: KeyPurpose, name: string): Promise<KeyObject | undefined> {
    const cacheName = `${purpose} ${name}`;
    const cached = fresh.get(cacheName);
    if (cached !== undefined) {
      masters.assertLent();
      return cached.key;
    }
    const keep = keeping(tx, cacheName);
    const stored = await newest(tx, purpose, name);
    return stored && keep(openStored(cacheName, purpose, stored));
  }

  /** A key that is open already stays so while the provider is away, although the database is asked for it again. */
  function openStored(cacheName: string, purpose: KeyPurpose, { name, wrapped, master }: StoredNamedKey): OpenedKey {
    const known = opened.of(cacheName, wrapped);
    if (known === undefined) {
      const bytes = masters.of(master).unwrap(wrapped, aadFor(purpose, name));
      return { wrapped, key: keyOfBytes(bytes) };
    }
    masters.assertLent();
    return known;
  }

  async function add(tx: Tx, purpose: KeyPurpose, name: string): Promise<OpenedKey> {
    const bytes = random.bytes(KEY_BYTES);
    const master = masters.current;
    const wrapped = master.wrap(bytes, aadFor(purpose, name));
    await vaultStore.addNamedKey(tx, purpose, { name, wrapped, master: master.id }, clock.now());
    return { wrapped, key: keyOfBytes(bytes) };
  }

  function forget(tx: Tx, cacheName: string): void {
    opened.forget(cacheName);
    fresh.drop(tx, cacheName);
    tx.afterCommit(() => opened.forget(cacheName)); // a write before it in the same group may have kept it meanwhile
  }

  return {
    find,
    need: async (tx, purpose, name) => {
      const known = await find(tx, purpose, name);
      return known ?? keeping(tx, `${purpose} ${name}`)(await add(tx, purpose, name));
    },
    follow: async (tx, purpose, name) => {
      const latest = await newest(tx, purpose, name);
      const own = latest === undefined ? name : `${name}.${numberOf(latest.name) + 1}`;
      await add(tx, purpose, own);
      forget(tx, `${purpose} ${name}`);
      return own;
    },
    destroy: async (tx, purpose, name) => {
      const destroyed = (await vaultStore.dropNamedKey(tx, purpose, name)) > 0;
      if (destroyed) {
        await vaultStore.noteErased(tx, purpose, name, clock.now()); // a backup may still hold it
        if (onDestroyed !== undefined) tx.afterCommit(onDestroyed);
      }
      forget(tx, `${purpose} ${name}`);
      return destroyed;
    },
  };
}

const aadFor = (purpose: KeyPurpose, name: string): Buffer => aadOf(`${purpose}-key`, name);

function keyOfBytes(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** A month's pseudonym key may have been followed by others; a person has one. */
async function newest(tx: Tx, purpose: KeyPurpose, name: string): Promise<StoredNamedKey | undefined> {
  if (purpose === 'subject') return vaultStore.namedKey(tx, purpose, name);
  const keys = await vaultStore.numberedKeys(tx, purpose, name);
  return [...keys].sort((a, b) => numberOf(a.name) - numberOf(b.name)).at(-1);
}

/** 1 for `month-2026-11`, 2 for `month-2026-11.2`. */
const numberOf = (name: string): number => Number(name.split('.')[1] ?? 1);
