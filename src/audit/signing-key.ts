import type { KeyObject } from 'node:crypto';
import {
  exportEd25519Private,
  formatVerifierKey,
  generateEd25519,
  importEd25519Private,
  parseVerifierKey,
  type VerifierKey,
} from '../crypto/index.ts';
import { tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldPlace, Vault } from '../vault/index.ts';
import { auditStore, type KeyRow } from './store.ts';

/** Signs the checkpoints of one log. `name` is the log's origin, as in `twinkeep/3f9a0c1d`. */
export interface LogKey extends VerifierKey {
  readonly privateKey: KeyObject;
  /** What an auditor keeps: name, key id and public key in one line. */
  readonly verifier: string;
}

export interface LogKeyDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
}

const PLATFORM = tenantId('platform');

/** Where the private part of the log's key is sealed to. */
export const logKeyPlace = (name: string): FieldPlace => ({ table: 'audit_key', column: 'sealed', row: name });

/** The log's key, made at the first start. Its private part is sealed, so that the database alone can't sign. */
export async function openLogKey({ storage, vault, clock, random }: LogKeyDeps): Promise<LogKey> {
  const fields = await vault.fields(PLATFORM);
  const row = await storage.write(platform, async (tx): Promise<KeyRow> => {
    const present = await auditStore.key(tx);
    if (present !== undefined) return present;
    const name = `twinkeep/${random.bytes(4).toString('hex')}`;
    const pair = generateEd25519(random);
    const fresh: KeyRow = {
      name,
      verifier: formatVerifierKey({ keyName: name, publicKey: pair.publicKey }),
      sealed: fields.seal(logKeyPlace(name), JSON.stringify(exportEd25519Private(pair.privateKey))),
    };
    await auditStore.addKey(tx, fresh, clock.now());
    return fresh;
  });
  const pair = importEd25519Private(JSON.parse(fields.open(logKeyPlace(row.name), row.sealed)));
  if (pair === undefined) throw new TypeError(`the key of the log ${row.name} is no Ed25519 key`);
  // The public key comes out of the sealed one, not out of the column beside it, which anybody with the file can change.
  const { privateKey, publicKey } = pair;
  return { keyName: row.name, privateKey, publicKey, verifier: formatVerifierKey({ keyName: row.name, publicKey }) };
}

/** @throws TypeError for text that is no verifier key */
export function readVerifier(text: string): VerifierKey {
  const key = parseVerifierKey(text.trim());
  if (key === undefined) throw new TypeError('not a verifier key: <name>+<8 hex digits>+<base64>');
  return key;
}
