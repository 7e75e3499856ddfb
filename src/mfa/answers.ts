import { equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { EpochMs, PersonId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { BackupCodes } from './backup-codes.ts';
import type { Budget, Undo } from './budget.ts';
import { sentDigest } from './codes.ts';
import { createNoPepper, type Held, type HeldFactor, type Pepper } from './held.ts';
import { AMR, type Answer, type Method, type MfaProof } from './method.ts';
import type { Notices } from './notices.ts';
import { mfaStore } from './store.ts';
import { SECRET_BYTES, stepOf } from './totp.ts';

export interface AnswerDeps {
  readonly storage: Storage;
  readonly held: Held;
  readonly backupCodes: BackupCodes;
  readonly budget: Budget;
  readonly notices: Notices;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
}

/** Factors of one kind that a person may have; so many are looked at whether there are as many or none. */
export const MAX_FACTORS = 5;

const uncounted: Undo = async () => undefined;

const SIX_DIGITS = /^\d{6}$/;

/**
 * Makes the check of one answer: the same look-ups, digests and writes for somebody who has no factor, for the wrong
 * method and for the wrong code. Which of two that give one code at once is right, the write decides.
 *
 * @returns what `Mfa.verify` does
 */
export function createAnswers(deps: AnswerDeps) {
  const { storage, held, backupCodes, budget, notices, audit, clock, random } = deps;
  const nobody = random.bytes(SECRET_BYTES);
  const noPepper = createNoPepper(random);

  async function byTotp(tx: Tx, factors: readonly HeldFactor[], given: Given): Promise<MfaProof | undefined> {
    let match: { factorId: string; step: number } | undefined;
    for (let at = 0; at < MAX_FACTORS; at++) {
      const { row, details } = factors[at] ?? {};
      const step = stepOf(details?.secret ?? nobody, given.code, given.now);
      if (row !== undefined && details?.secret !== undefined && step !== undefined) match = { factorId: row.id, step };
    }
    if (match === undefined || !given.admits('totp', match.factorId)) return undefined;
    const took = await mfaStore.takeStep(tx, match.factorId, match.step, given.now);
    return took === 1 ? proofOf('totp', match.factorId) : undefined;
  }

  async function bySentCode(tx: Tx, factors: readonly HeldFactor[], given: Given): Promise<MfaProof | undefined> {
    let match: { row: HeldFactor['row']; digest: Buffer } | undefined;
    for (let at = 0; at < 2 * MAX_FACTORS; at++) {
      const row = factors[at]?.row;
      const digest = sentDigest(given.pepper, row?.id ?? '', given.code);
      const isIt = equalBytes(row?.code?.digest ?? noPepper('', ''), digest);
      if (row !== undefined && isIt && given.admits(row.method, row.id)) match = { row, digest };
    }
    if (match === undefined) return undefined;
    const took = await mfaStore.takeCode(tx, match.row.id, match.digest, given.now);
    return took === 1 ? proofOf(match.row.method, match.row.id) : undefined;
  }

  /** Looked for in any case; what was not asked for is looked for as nothing, so that it is not used up. */
  async function byBackupCode(tx: Tx, actor: Actor, person: PersonId, given: Given): Promise<MfaProof | undefined> {
    const text = given.admits('backup') ? given.code : '';
    const kind = await backupCodes.use(tx, actor, person, given.pepper, text);
    return kind === undefined ? undefined : proofOf('backup');
  }

  async function answerIn(tx: Tx, actor: Actor, person: PersonId, answer: Answer): Promise<MfaProof | undefined> {
    const confirmed = (await held.factors(tx, person)).filter(({ row }) => row.confirmedAt !== undefined);
    const given: Given = {
      code: plain(answer.code),
      now: clock.now(),
      pepper: (await held.pepper(tx, person)) ?? noPepper,
      admits: (method, factorId) =>
        (answer.method === undefined || answer.method === method) &&
        (answer.factorId === undefined || answer.factorId === factorId),
    };
    const [apps, sent] = [confirmed.filter(isTotp), confirmed.filter((factor) => !isTotp(factor))];
    const proof =
      (await byTotp(tx, apps, given)) ??
      (await bySentCode(tx, sent, given)) ??
      (await byBackupCode(tx, actor, person, given));
    if (proof === undefined) await mfaStore.countTry(tx, person, answer.method, answer.factorId);
    const facts = { method: proof?.method ?? answer.method ?? null, factor: proof?.factorId ?? null };
    const verdict = proof === undefined ? REFUSED : PASSED;
    await audit.record(tx, { ...actor, ...verdict, object: { type: 'person', id: person }, facts });
    return proof;
  }

  return async (actor: Actor, person: PersonId, answer: Answer): Promise<MfaProof | undefined> => {
    // What has 60 bits is guessed by nobody, so that wrong ones never keep its owner from giving the right one.
    const isGuess = isSixDigits(answer.code);
    const undo = isGuess ? await budget.guess(person) : uncounted;
    const proof = await storage.write(platform, (tx) => answerIn(tx, actor, person, answer));
    if (proof !== undefined) await undo();
    else if (isGuess && (await budget.isTelling(person)))
      await storage.write(platform, (tx) => notices.tell(tx, actor, person, { kind: 'codes-guessed' }));
    return proof;
  };
}

interface Given {
  readonly code: string;
  readonly now: EpochMs;
  readonly pepper: Pepper;
  /** Whether the answer may have been meant for this. */
  readonly admits: (method: Method, factorId?: string) => boolean;
}

const REFUSED = { action: 'mfa.refused', outcome: 'refused' } as const;
const PASSED = { action: 'mfa.passed', outcome: 'done' } as const;

const isTotp = ({ row }: HeldFactor): boolean => row.method === 'totp';

const proofOf = (method: Exclude<Method, 'passkey'>, factorId?: string): MfaProof => ({
  method,
  amr: [AMR[method]],
  ...(factorId === undefined ? {} : { factorId }),
});

/** Whether a code is one of those that can be found by trying. */
export const isSixDigits = (code: string): boolean => SIX_DIGITS.test(plain(code));

/** Apps show `123 456`. */
export function plain(code: string): string {
  const joined = code.replaceAll(' ', '');
  return SIX_DIGITS.test(joined) ? joined : code;
}
