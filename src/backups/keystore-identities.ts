import { hmacSha256 } from '../crypto/index.ts';
import { type EpochMs, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { SealedField } from '../kernel/sealed.ts';
import type { Secret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldPlace, Vault } from '../vault/index.ts';
import { identityOfScalar, recipientOf } from './age-identity.ts';
import { backupStore } from './store.ts';

/** What backups need of the master key of this moment; the app fills it. */
export interface BackupMaster {
  readonly id: string;
  readonly provider: 'file' | 'environment' | 'transit' | 'memory';
  /** The 32 bytes that its age identity is made of. */
  readonly scalar: Uint8Array;
  /** Goes into the keystore where its only copy is a file and somebody else may open backups. */
  readonly bytes: Secret<Uint8Array>;
  /** When recovery shares of it were last made. */
  readonly sharesMadeAt: EpochMs | undefined;
}

/** The age identity that belongs to one master key. */
export interface BackupIdentity {
  readonly master: string;
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
}

export interface IdentityDeps {
  readonly storage: Storage;
  readonly vault: Pick<Vault, 'fields'>;
  readonly clock: Clock;
  readonly master: () => Promise<BackupMaster>;
}

/** Identities of the present master key and of earlier ones, whose backups are still there. */
export interface Identities {
  /** The present one first. */
  all(): Promise<readonly BackupIdentity[]>;
  /** Remembers the present one, sealed: after a change of the master key it could not be derived again. */
  remember(): Promise<void>;
}

const PLATFORM = tenantId('platform');
const placeOf = (master: string): FieldPlace => ({ table: 'backups_identity', column: 'sealed', row: master });

/** What of this room the vault seals. */
export const sealedFields: readonly SealedField[] = [
  {
    table: 'backups_identity',
    column: 'sealed',
    rows: 'platform',
    key: { master: 'text' },
    row: ({ master }) => String(master),
    under: 'platform',
  },
];

export const identityOf = ({ id, scalar }: Pick<BackupMaster, 'id' | 'scalar'>): BackupIdentity => ({
  master: id,
  identity: identityOfScalar(scalar),
});

/** Who a backup is sealed for: the holder of the master key, and whoever the configuration names. */
export const recipientsOf = async ({ scalar }: BackupMaster, more: readonly string[]): Promise<readonly string[]> => [
  await recipientOf(identityOfScalar(scalar)),
  ...more,
];

export function createIdentities({ storage, vault, clock, master }: IdentityDeps): Identities {
  return {
    all: async () => {
      const present = identityOf(await master());
      const fields = await vault.fields(PLATFORM);
      const rows = await storage.read(platform, backupStore.identities);
      const earlier = rows
        .filter((row) => row.master !== present.master)
        .map((row) => ({ master: row.master, identity: fields.open(placeOf(row.master), row.sealed) }));
      return [present, ...earlier.reverse()];
    },
    remember: async () => {
      const { master: id, identity } = identityOf(await master());
      const rows = await storage.read(platform, backupStore.identities);
      if (rows.some((row) => row.master === id)) return;
      const fields = await vault.fields(PLATFORM);
      const sealed = fields.seal(placeOf(id), identity);
      await storage.write(platform, (tx) =>
        backupStore.addIdentity(tx, { master: id, sealed, created_at: clock.now() }),
      );
    },
  };
}

/**
 * Shows that an archive was made by a holder of the master key: anybody can seal a file for a known recipient, but
 * nobody else can make this, or read it out of another archive.
 */
export const proofOf = (identity: string, kind: 'main' | 'keystore', id: string): string =>
  hmacSha256(Buffer.from(identity), `twinkeep backup 1 ${kind} ${id}`).toString('hex');

/** @returns false where the archive was not made by a holder of this identity */
export const isProvenBy = (identity: string, kind: 'main' | 'keystore', id: string, proof: unknown): boolean =>
  proofOf(identity, kind, id) === proof;
