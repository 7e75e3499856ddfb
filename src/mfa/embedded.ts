import { equalBytes, sha256 } from '../crypto/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type PersonId, personId, tenantId } from '../kernel/brand.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { createAnswers, plain } from './answers.ts';
import { createBackupCodes } from './backup-codes.ts';
import { createBudget } from './budget.ts';
import { mfaConfig } from './config.ts';
import { type EmbeddedKey, openGround } from './embedded-ground.ts';
import { createEnrolment } from './enrolment.ts';
import { mfaFault } from './errors.ts';
import { createHeld } from './held.ts';
import { silent } from './notices.ts';
import { mfaStore } from './store.ts';
import { stepOf } from './totp.ts';

export interface EmbeddedMfaOptions {
  /** Where the factors lie, sealed: `sqlite:` and a file of its own, or `postgres://…`. */
  readonly database: string;
  readonly masterKey: EmbeddedKey;
  /** What authenticator apps call the program. */
  readonly issuerName: string;
  /** Wrong codes that one user may give a day; 100 unless told, and at most. */
  readonly wrongPerDay?: number | undefined;
  /** Hears what is done with factors. */
  readonly onEntry?: ((entry: AuditEntry) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** What an older program shows its user: the names are those of `setup_totp`. */
export interface TotpSetup {
  /** PNG in base64. */
  readonly qr_code: string;
  /** Ten, each good once; shown this once. */
  readonly backup_codes: readonly string[];
  /** Base32, for who cannot scan. */
  readonly secret: string;
  readonly uri: string;
}

/** Users are named by 1 to 64 characters of `[A-Za-z0-9_-]`. @throws TypeError for anything else */
export interface EmbeddedMfa {
  /**
   * Begins an authenticator app; the first code that is right confirms it, within 15 minutes. One that the user has
   * goes on working until then, the backup codes are replaced at once.
   *
   * @throws MFA_FACTORS_FULL
   */
  setupTotp(userId: string, userEmail: string): Promise<TotpSetup>;
  /**
   * Whether a code is right. Each counts once.
   *
   * @param secret base32, where the program keeps it by itself; the stored one unless told
   * @throws MFA_BUDGET_SPENT after `wrongPerDay` wrong ones
   */
  verifyTotp(userId: string, token: string, secret?: string): Promise<boolean>;
  /** Whether it is an unused backup code; it is used up by that. @throws MFA_BUDGET_SPENT */
  verifyBackupCode(userId: string, code: string): Promise<boolean>;
  /** Whether the user has confirmed an app. */
  isEnabled(userId: string): Promise<boolean>;
  /** Forgets everything of a user. */
  disable(userId: string): Promise<void>;
  close(): Promise<void>;
}

const EMBEDDER: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
const REPLAY_MS = 90_000; // the window that a code is good in, whole
const off = async (): Promise<never> => {
  throw mfaFault('MFA_CHANNEL_OFF');
};

/**
 * Second factors for a program of one's own, without the server.
 *
 * @throws STORAGE_LOCKED when another process has the SQLite file; VAULT_MASTER_KEY for another master key
 */
export async function openEmbeddedMfa(options: EmbeddedMfaOptions): Promise<EmbeddedMfa> {
  const { clock = systemClock, onEntry, onError = () => undefined, issuerName: name } = options;
  const random = createSystemRandom();
  const config = mfaConfig.parse({ name, wrongPerDay: options.wrongPerDay });
  const { storage, vault, close } = await openGround({ ...options, clock, random, onError });
  const hot = createMemoryHotState({ clock });
  const audit: AuditSink = { record: async (tx, entry) => tx.afterCommit(() => onEntry?.(entry)) };
  const ground = { storage, audit, clock, random, notices: silent, name };
  const budget = createBudget(hot, config);
  const held = createHeld({ subjects: vault.subjects, random, onError });
  const backupCodes = createBackupCodes({ ...ground, held, recoveryMs: config.recoveryMs });
  const codes = { admit: off, send: off };
  const enrolment = createEnrolment({ ...ground, held, codes, backupCodes });
  const verify = createAnswers({ ...ground, held, backupCodes, budget });

  const factorsOf = (person: PersonId) => storage.read(platform, (tx) => held.factors(tx, person));

  /** One that was begun and not confirmed; it is confirmed by the code, where the code is its own. */
  async function confirmPending(person: PersonId, token: string): Promise<boolean> {
    const pending = (await factorsOf(person)).find((factor) => !isConfirmed(factor) && enrolment.isAlive(factor));
    if (pending === undefined) return false;
    try {
      await enrolment.confirm(EMBEDDER, person, pending.row.id, token);
      return true;
    } catch (error) {
      if (isFault(error, 'MFA_CODE_WRONG') || isFault(error, 'MFA_FACTOR_UNKNOWN')) return false;
      throw error;
    }
  }

  async function verifyStored(person: PersonId, token: string): Promise<boolean> {
    const undo = await budget.guess(person);
    if (await confirmPending(person, token)) {
      await undo();
      return true;
    }
    await undo(); // `verify` counts it itself
    return (await verify(EMBEDDER, person, { method: 'totp', code: token })) !== undefined;
  }

  async function verifyGiven(person: PersonId, token: string, secret: Buffer): Promise<boolean> {
    const undo = await budget.guess(person);
    const step = stepOf(secret, plain(token), clock.now());
    if (step === undefined) return false;
    const once = `mfa step ${person} ${sha256(secret).toString('hex')} ${step}`;
    if (!(await hot.claim(once, REPLAY_MS))) return false;
    await undo();
    return true;
  }

  return {
    setupTotp: async (userId, userEmail) => {
      const id = personId(userId);
      const { secret, uri, qrCode } = await enrolment.beginTotp(EMBEDDER, { id, username: userEmail });
      const backup = await storage.write(platform, (tx) => backupCodes.make(tx, EMBEDDER, id));
      return { qr_code: qrCode, backup_codes: backup, secret, uri };
    },
    verifyTotp: async (userId, token, secret) => {
      const person = personId(userId);
      if (secret === undefined) return verifyStored(person, token);
      const bytes = await secretOf(secret);
      const isStored = (await factorsOf(person)).some(
        ({ details }) => details?.secret !== undefined && equalBytes(details.secret, bytes),
      );
      return isStored ? verifyStored(person, token) : verifyGiven(person, token, bytes);
    },
    verifyBackupCode: async (userId, code) =>
      (await verify(EMBEDDER, personId(userId), { method: 'backup', code })) !== undefined,
    isEnabled: async (userId) => (await factorsOf(personId(userId))).some(isConfirmed),
    disable: async (userId) => {
      await storage.write(platform, (tx) => mfaStore.removeAll(tx, personId(userId)));
    },
    close: async () => {
      await hot.close();
      await close();
    },
  };
}

const isConfirmed = ({ row }: { readonly row: { readonly confirmedAt: unknown } }): boolean =>
  row.confirmedAt !== undefined;

/** @throws TypeError for what is not base32 of at least ten bytes */
async function secretOf(base32: string): Promise<Buffer> {
  const { Secret } = await import('otpauth');
  const text = base32.replaceAll(' ', '').replace(/=+$/, '').toUpperCase();
  if (!/^[A-Z2-7]{16,128}$/.test(text)) throw new TypeError('a TOTP secret is 16 to 128 characters of base32');
  return Buffer.from(Secret.fromBase32(text).bytes);
}
