import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** Opens envelopes with nothing of ours: the database, the master key, and what the standards say. */

interface Place {
  readonly tenant: string;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** Nonce, ciphertext and tag of an envelope. */
export const payloadOf = (sealed: string): Buffer => Buffer.from(sealed.split('.')[2] ?? '', 'base64url');

function gcm(key: Uint8Array, bytes: Uint8Array, aad: readonly string[]): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(aad.join('\0'))).setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
}

/** The data key of a tenant and version, unwrapped by what is derived from the master key. */
export function dataKeyByHand(db: DatabaseSync, master: Buffer, tenant: string, version: string): Buffer {
  const select = db.prepare('select wrapped from vault_data_key where tenant = ? and version = ?');
  const wrapped = select.get(tenant, version)?.['wrapped'];
  assert.ok(wrapped instanceof Uint8Array);
  const wrapping = hkdfSync('sha256', master, Buffer.alloc(0), 'twinkeep master key wrap', 32);
  return gcm(Buffer.from(wrapping), wrapped, ['data-key', tenant, version]);
}

export function openByHand(db: DatabaseSync, master: Buffer, place: Place, sealed: string): string {
  const { tenant, table, column, row } = place;
  const version = sealed.split('.')[1] ?? '';
  const key = dataKeyByHand(db, master, tenant, version);
  return gcm(key, payloadOf(sealed), ['tk1', version, tenant, table, column, row]).toString();
}
