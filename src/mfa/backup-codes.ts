import { equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type PersonId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Held, Pepper } from './held.ts';
import type { Notices } from './notices.ts';
import { type CodeKind, mfaStore } from './store.ts';

/** How many a person gets at a time. */
const CODES = 10;

/** Neither i, l, o nor u: nobody has to guess what was written down. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const GROUPS = 3;
const GROUP_CHARS = 4; // 12 characters of 5 bits: 60 bits

export interface ShownCode {
  readonly code: string;
  readonly used: boolean;
}

/** Single-use codes for somebody who has lost the rest. */
export interface BackupCodes {
  /** How many are unused. */
  left(person: PersonId): Promise<number>;
  show(person: PersonId): Promise<readonly ShownCode[]>;
  /** Ten that nobody has yet, and that are good for nothing until `make` takes them. */
  draw(): readonly string[];
  /** Ten new ones, freshly drawn unless told; the old ones end. */
  make(tx: Tx, actor: Actor, person: PersonId, drawn?: readonly string[]): Promise<readonly string[]>;
  hasAny(tx: Tx, person: PersonId): Promise<boolean>;
  end(tx: Tx, person: PersonId): Promise<void>;
  /** One code that an administrator hands over: it replaces the last, and ends by itself. */
  issueRecovery(tx: Tx, actor: Actor, person: PersonId): Promise<string>;
  /** Uses up a code. @returns what it was, for the first who gives it */
  use(tx: Tx, actor: Actor, person: PersonId, pepper: Pepper, text: string): Promise<CodeKind | undefined>;
}

export interface BackupCodeDeps {
  readonly storage: Storage;
  readonly held: Held;
  readonly audit: AuditSink;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly random: Random;
  readonly recoveryMs: number;
}

export function createBackupCodes(deps: BackupCodeDeps): BackupCodes {
  const { storage, held, audit, notices, clock, random, recoveryMs } = deps;

  const note = (tx: Tx, actor: Actor, person: PersonId, action: string, facts = {}) =>
    audit.record(tx, { ...actor, action, outcome: 'done', object: { type: 'person', id: person }, facts });

  const draw = (): readonly string[] => Array.from({ length: CODES }, () => newCode(random));

  async function leftIn(tx: Tx, person: PersonId): Promise<number> {
    return (await mfaStore.codes(tx, person, 'backup')).filter(({ usedAt }) => usedAt === undefined).length;
  }

  return {
    left: (person) => storage.read(platform, (tx) => leftIn(tx, person)),
    hasAny: async (tx, person) => (await mfaStore.codes(tx, person, 'backup')).length > 0,
    show: (person) =>
      storage.read(platform, async (tx) => {
        const pepper = await held.pepper(tx, person);
        if (pepper === undefined) return [];
        const rows = await mfaStore.codes(tx, person, 'backup');
        const isUnused = (digest: Buffer): boolean =>
          rows.some((row) => row.usedAt === undefined && equalBytes(row.digest, digest));
        const codes = await held.backup(tx, person);
        return codes.map((code) => ({ code, used: !isUnused(digestOf(pepper, code)) }));
      }),
    draw,
    make: async (tx, actor, person, codes = draw()) => {
      const pepper = await held.needPepper(tx, person);
      await mfaStore.removeCodes(tx, person, 'backup');
      await mfaStore.addCodes(
        tx,
        person,
        'backup',
        codes.map((code) => digestOf(pepper, code)),
      );
      await held.setBackup(tx, person, codes);
      await note(tx, actor, person, 'mfa.backup_codes_made', { codes: codes.length });
      await notices.tell(tx, actor, person, { kind: 'backup-codes-made' });
      return codes;
    },
    end: async (tx, person) => {
      await mfaStore.removeCodes(tx, person, 'backup');
      await mfaStore.setBackup(tx, person, null);
    },
    issueRecovery: async (tx, actor, person) => {
      const code = newCode(random);
      const pepper = await held.needPepper(tx, person);
      const until: EpochMs = epochMs(clock.now() + recoveryMs);
      await mfaStore.removeCodes(tx, person, 'recovery');
      await mfaStore.addCodes(tx, person, 'recovery', [digestOf(pepper, code)], until);
      await note(tx, actor, person, 'mfa.recovery_issued', { expires_at: until });
      await notices.tell(tx, actor, person, { kind: 'recovery-issued' });
      return code;
    },
    use: async (tx, actor, person, pepper, text) => {
      const now = clock.now();
      const digest = digestOf(pepper, text);
      const kind = await mfaStore.findCode(tx, person, digest, now);
      const used = await mfaStore.useCode(tx, person, digest, now);
      if (kind === undefined || used === 0) return undefined;
      const left = await leftIn(tx, person);
      await note(tx, actor, person, 'mfa.backup_code_used', { kind, left });
      await notices.tell(tx, actor, person, { kind: 'backup-code-used', left });
      return kind;
    },
  };
}

const digestOf = (pepper: Pepper, code: string): Buffer => pepper('backup', meant(code));

/** Case, spaces and dashes do not matter, and letters that look like digits are read as those. */
function meant(text: string): string {
  return text.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1');
}

function newCode(random: Random): string {
  const bytes = random.bytes(GROUPS * GROUP_CHARS);
  const chars = [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length] ?? ''); // 32 divides 256
  return Array.from({ length: GROUPS }, (_, at) => chars.slice(at * GROUP_CHARS, (at + 1) * GROUP_CHARS).join('')).join(
    '-',
  );
}
