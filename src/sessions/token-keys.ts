import type { KeyObject } from 'node:crypto';
import {
  ed25519Thumbprint,
  exportEd25519Private,
  exportEd25519Public,
  generateEd25519,
  importEd25519Private,
} from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, tenantId } from '../kernel/brand.ts';
import { type Clock, days, minutes, seconds } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { type Json, platform, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import type { FieldPlace, FieldSealer, Vault } from '../vault/index.ts';
import { type TokenKeyRow, tokenKeyStore } from './store-token-keys.ts';

export interface TokenKeyDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Whose keys: each issuer has its own. */
  readonly issuer: string;
  /** No token that they sign lives longer. */
  readonly lifeMs: number;
  /** A key is followed by a new one after this long. */
  readonly rotateEveryMs: number;
}

/** The public keys of an issuer. @see RFC 7517 */
export interface Jwks {
  readonly keys: readonly Json[];
}

/** One key, as whoever runs the server sees it. */
export interface TokenKeyState {
  readonly issuer: string;
  readonly kid: string;
  /** A `published` one is known to verifiers and signs later; a `retiring` one only verifies. */
  readonly state: 'published' | 'current' | 'retiring';
  readonly signsFrom: EpochMs;
  /** Nothing under it is good from then on; undefined while no other has taken over. */
  readonly endsAt: EpochMs | undefined;
}

/** The Ed25519 keys of one issuer; live, for they rotate. */
export interface TokenKeys {
  readonly issuer: string;
  /** The one to sign with now. */
  current(): SigningKey;
  /**
   * The key of a `kid`, also of one that has ended. One that is not known is looked for in the database, once a second at
   * most; whoever asks meanwhile waits for the same look.
   */
  find(kid: string): VerifyingKey | undefined | Promise<VerifyingKey | undefined>;
  readonly jwks: Jwks;
  list(): readonly TokenKeyState[];
  /**
   * Makes the next key. Verifiers get to know it before it signs, and what the one before has signed stays good until it
   * runs out. In an emergency the new one signs at once and nothing under another is good any more: people go on by their
   * refresh tokens, back ends fetch the key set anew.
   */
  rotate(actor: Actor, wish: { readonly emergency: boolean }): Promise<TokenKeyState>;
  /** Rotates where it is time, and forgets keys whose last token has run out. */
  upkeep(): Promise<void>;
  /** Reads the keys anew, as word of a change may have been lost. */
  refresh(): Promise<void>;
}

/** What a token stands and falls with. Live: to be asked at each use of a token that was verified before. */
export interface KeyEnd {
  /** From then on nothing that the key has signed is good; undefined while no other has taken over. */
  readonly endsAt: EpochMs | undefined;
}

export interface VerifyingKey extends KeyEnd {
  readonly publicKey: KeyObject;
}

export interface SigningKey extends KeyEnd {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

interface OpenKey extends SigningKey, VerifyingKey {
  signsFrom: EpochMs;
  endsAt: EpochMs | undefined;
}

const PLATFORM = tenantId('platform');
const TOPIC = 'sessions.token-keys';
/** Verifiers may keep a key set for 5 minutes (`cache-control` of the JWKS), and ours may be as old behind a proxy. */
const OVERLAP_MS = minutes(10);
const SKEW_MS = minutes(5);
const FORGET_MS = days(2); // longer than any token lives: one of an ended key is told apart from a made-up one
const ASK_MS = seconds(1);

/** Where the private part of a key is sealed to. */
export const tokenKeyPlace = (issuer: string, kid: string): FieldPlace => ({
  table: 'token_key',
  column: 'sealed',
  row: `${issuer}|${kid}`,
});

/** The issuer's keys, the first made at the first start. Private parts are sealed by the vault. */
export async function openTokenKeys(deps: TokenKeyDeps): Promise<TokenKeys> {
  const { storage, audit, bus, clock, random, issuer, lifeMs, rotateEveryMs } = deps;
  const fields = await deps.vault.fields(PLATFORM);
  let keys: readonly OpenKey[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  const adopt = (rows: readonly TokenKeyRow[]): void => {
    keys = rows.map((row) => openedKey(row, fields, keys));
  };

  const good = (): readonly OpenKey[] => keys.filter((key) => !hasEnded(key, clock.now()));
  const refresh = async (): Promise<void> => adopt(await storage.read(platform, (tx) => tokenKeyStore.all(tx, issuer)));

  function current(): OpenKey {
    const now = clock.now();
    const usable = good();
    // Before the first one's time only where the clock went back.
    const found = usable.findLast(({ signsFrom }) => signsFrom <= now) ?? usable[0];
    if (found === undefined) throw new TypeError('an issuer needs a key');
    return found;
  }

  function freshRow(now: EpochMs, signsFrom: EpochMs): TokenKeyRow {
    const pair = generateEd25519(random);
    const kid = ed25519Thumbprint(pair.publicKey);
    const sealed = fields.seal(tokenKeyPlace(issuer, kid), JSON.stringify(exportEd25519Private(pair.privateKey)));
    const shown = { ...exportEd25519Public(pair.publicKey) };
    return { issuer, kid, public: shown, sealed, created_at: now, signs_from: signsFrom, ends_at: null };
  }

  /** Inside the write that asked whether it is time, so that two processes make one key. */
  async function succeed(tx: Tx, actor: Actor, emergency: boolean): Promise<TokenKeyRow> {
    const now = clock.now();
    const signsFrom = epochMs(emergency ? now : now + OVERLAP_MS);
    const row = freshRow(now, signsFrom);
    await tokenKeyStore.add(tx, row);
    await tokenKeyStore.endBut(tx, issuer, row.kid, emergency ? now : epochMs(signsFrom + lifeMs + SKEW_MS));
    const facts = { issuer, kid: row.kid, emergency };
    await audit.record(tx, { action: 'token_key.rotated', outcome: 'done', ...actor, facts });
    tx.afterCommit(() => void bus.publish(TOPIC, issuer).catch(() => undefined)); // who misses it asks every second
    return row;
  }

  async function rotate(actor: Actor, { emergency }: { readonly emergency: boolean }): Promise<TokenKeyState> {
    const made = await storage.write(platform, async (tx) => {
      const waiting = (await tokenKeyStore.all(tx, issuer)).findLast((row) => isWaiting(row, clock.now()));
      return waiting !== undefined && !emergency ? waiting : await succeed(tx, actor, emergency);
    });
    await refresh();
    const state = list().find(({ kid }) => kid === made.kid);
    if (state === undefined) throw new TypeError('the key that was made is gone');
    return state;
  }

  async function upkeep(): Promise<void> {
    await storage.write(platform, async (tx) => {
      const now = clock.now();
      await tokenKeyStore.drop(tx, issuer, epochMs(now - FORGET_MS));
      const newest = (await tokenKeyStore.all(tx, issuer)).at(-1);
      const since = newest?.signs_from ?? newest?.created_at ?? now;
      if (now - since >= rotateEveryMs) await succeed(tx, PROCESS, false);
    });
    await refresh();
  }

  function list(): readonly TokenKeyState[] {
    const signing = current();
    const now = clock.now();
    return good().map(({ kid, signsFrom, endsAt }) => {
      const state = kid === signing.kid ? 'current' : signsFrom > now ? 'published' : 'retiring';
      return { issuer, kid, state, signsFrom, endsAt };
    });
  }

  const known = (kid: string): OpenKey | undefined => keys.find((key) => key.kid === kid);

  bus.subscribe(TOPIC, (changed) => {
    if (changed === issuer) void refresh().catch(() => undefined);
  });
  bus.onGap(() => void refresh().catch(() => undefined));
  adopt(
    await storage.write(platform, async (tx): Promise<readonly TokenKeyRow[]> => {
      const present = await tokenKeyStore.all(tx, issuer);
      if (present.some(({ ends_at }) => ends_at === null || ends_at > clock.now())) return present;
      const row = freshRow(clock.now(), clock.now());
      await tokenKeyStore.add(tx, row);
      return [...present, row];
    }),
  );

  return {
    issuer,
    current,
    find: (kid) => {
      const found = known(kid);
      if (found !== undefined) return found;
      if (asking === undefined) {
        if (Math.abs(clock.now() - askedAt) < ASK_MS) return undefined; // a made-up kid must not cost a read each
        askedAt = clock.now();
        asking = refresh().finally(() => {
          asking = undefined;
        });
      }
      return asking.then(() => known(kid));
    },
    get jwks() {
      return { keys: good().map(({ kid, publicKey }) => ({ ...exportEd25519Public(publicKey), kid, ...USE })) };
    },
    list,
    rotate,
    upkeep,
    refresh,
  };
}

/** Whether nothing that a key has signed is good any more. */
export const hasEnded = ({ endsAt }: KeyEnd, now: EpochMs): boolean => endsAt !== undefined && endsAt <= now;

const USE = { use: 'sig', alg: 'EdDSA' } as const;
const PROCESS: Actor = { principal: { kind: 'operator', tenantId: PLATFORM } }; // nobody asked: the time has come

const isWaiting = ({ signs_from, ends_at }: TokenKeyRow, now: EpochMs): boolean =>
  signs_from !== null && signs_from > now && ends_at === null;

function openedKey(row: TokenKeyRow, fields: FieldSealer, before: readonly OpenKey[]): OpenKey {
  const { issuer, kid, sealed, created_at, signs_from, ends_at } = row;
  const times = {
    signsFrom: epochMs(signs_from ?? created_at),
    endsAt: ends_at === null ? undefined : epochMs(ends_at),
  };
  const open = before.find((key) => key.kid === kid);
  if (open !== undefined) return Object.assign(open, times); // the same object, which verified tokens hang on
  const pair = importEd25519Private(JSON.parse(fields.open(tokenKeyPlace(issuer, kid), sealed)));
  if (pair === undefined) throw new TypeError(`the token key ${kid} is no Ed25519 key`);
  return { kid, ...pair, ...times };
}
