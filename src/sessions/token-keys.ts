import type { KeyObject } from 'node:crypto';
import {
  ed25519Thumbprint,
  exportEd25519Private,
  exportEd25519Public,
  generateEd25519,
  importEd25519Private,
} from '../crypto/index.ts';
import { tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldPlace, Vault } from '../vault/index.ts';
import { sessionStore, type TokenKeyRow } from './store.ts';

export interface TokenKeyDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  /** Whose keys: each issuer has its own. */
  readonly issuer: string;
}

/** The public keys of an issuer. @see RFC 7517 */
export interface Jwks {
  readonly keys: readonly Json[];
}

/** The Ed25519 keys of one issuer. */
export interface TokenKeys {
  /** The one to sign with. */
  readonly current: { readonly kid: string; readonly privateKey: KeyObject };
  readonly byKid: ReadonlyMap<string, KeyObject>;
  readonly jwks: Jwks;
}

const PLATFORM = tenantId('platform');
const placeOf = (issuer: string, kid: string): FieldPlace => ({
  table: 'token_key',
  column: 'sealed',
  row: `${issuer}|${kid}`,
});

/** The issuer's keys, the first made at the first start. Private parts are sealed by the vault. */
export async function openTokenKeys({ storage, vault, clock, random, issuer }: TokenKeyDeps): Promise<TokenKeys> {
  const fields = await vault.fields(PLATFORM);
  const rows = await storage.write(platform, async (tx): Promise<readonly TokenKeyRow[]> => {
    const present = await sessionStore.keys(tx, issuer);
    if (present.length > 0) return present;
    const pair = generateEd25519(random);
    const kid = ed25519Thumbprint(pair.publicKey);
    const sealed = fields.seal(placeOf(issuer, kid), JSON.stringify(exportEd25519Private(pair.privateKey)));
    const row = { issuer, kid, public: { ...exportEd25519Public(pair.publicKey) }, sealed };
    await sessionStore.addKey(tx, row, clock.now());
    return [row];
  });
  const opened = rows.map(({ kid, sealed }) => {
    const pair = importEd25519Private(JSON.parse(fields.open(placeOf(issuer, kid), sealed)));
    if (pair === undefined) throw new TypeError(`the token key ${kid} is no Ed25519 key`);
    return { kid, ...pair };
  });
  const current = opened.at(-1);
  if (current === undefined) throw new TypeError('an issuer needs a key');
  const keys = opened.map(({ kid, publicKey }) => ({
    ...exportEd25519Public(publicKey),
    kid,
    use: 'sig',
    alg: 'EdDSA',
  }));
  return { current, byKid: new Map(opened.map(({ kid, publicKey }) => [kid, publicKey])), jwks: { keys } };
}
