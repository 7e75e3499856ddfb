import { equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { epochMs, type PersonId } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { MAX_FACTORS, plain } from './answers.ts';
import { type AppSetup, appSetup } from './authenticator.ts';
import type { BackupCodes } from './backup-codes.ts';
import { CODE_MS, type Codes, sentDigest } from './codes.ts';
import { mfaFault } from './errors.ts';
import type { Held, HeldFactor } from './held.ts';
import type { CodeMethod, Sender } from './method.ts';
import type { Notices } from './notices.ts';
import { hintOf } from './phone.ts';
import { mfaStore } from './store.ts';
import { SECRET_BYTES, stepOf } from './totp.ts';

/** What was begun and not confirmed is forgotten after this long. */
const PENDING_MS = minutes(15);

export interface CodeWish {
  readonly method: CodeMethod;
  /** A telephone number in E.164, or an e-mail address. */
  readonly to: string;
  readonly label?: string | undefined;
}

export interface NewTotp extends AppSetup {
  readonly factorId: string;
}

export interface NewTotpWithCodes extends NewTotp {
  /** Good from the first code of the app on; none where the person has some already. */
  readonly backupCodes: readonly string[];
}

const nothingMore: Within = async () => undefined;

type TotpOwner = { readonly id: PersonId; readonly username: string };

/** What it is called unless its owner says otherwise. */
const APP = 'Authenticator app';

export interface EnrolmentDeps {
  readonly storage: Storage;
  readonly held: Held;
  readonly codes: Codes;
  readonly backupCodes: BackupCodes;
  readonly audit: AuditSink;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly random: Random;
  readonly name: string;
  /** Runs in each write that confirms a factor. */
  readonly onConfirmed?: Within | undefined;
}

/** A part of the write that confirms a factor; what it throws undoes all of it. */
export type Within = (tx: Tx, person: PersonId) => Promise<unknown>;

type Confirmation =
  | { readonly kind: 'wrong' | 'unknown' }
  | { readonly kind: 'confirmed'; readonly backupCodes?: readonly string[] };

/** Setting factors up: begun, then confirmed by somebody who shows to hold them. */
export function createEnrolment(deps: EnrolmentDeps) {
  const { storage, held, codes, backupCodes, audit, notices, clock, random, name } = deps;
  const onConfirmed: Within = deps.onConfirmed ?? nothingMore;

  const note = (tx: Tx, actor: Actor, person: PersonId, action: string, facts: { method: string; factor: string }) =>
    audit.record(tx, { ...actor, action, outcome: 'done', object: { type: 'person', id: person }, facts });

  const isAlive = ({ row }: HeldFactor): boolean =>
    row.confirmedAt !== undefined || row.createdAt > clock.now() - PENDING_MS;

  /** A factor begun anew takes the place of the one of its kind that was not confirmed. */
  async function makeRoom(tx: Tx, person: PersonId, method: 'totp' | CodeMethod, to?: string): Promise<void> {
    const confirmed = (await held.factors(tx, person)).filter(({ row }) => row.confirmedAt !== undefined);
    const same = confirmed.filter(({ row }) => row.method === method);
    if (to !== undefined && same.some(({ details }) => details?.to === to)) throw mfaFault('MFA_TAKEN');
    if (same.length >= MAX_FACTORS) throw mfaFault('MFA_FACTORS_FULL', { most: MAX_FACTORS });
    await mfaStore.removePending(tx, person, method);
  }

  async function find(tx: Tx, person: PersonId, id: string): Promise<HeldFactor | undefined> {
    return (await held.factors(tx, person)).find((factor) => factor.row.id === id && isAlive(factor));
  }

  async function begin(actor: Actor, person: TotpOwner, label: string, drawn?: readonly string[]) {
    const id = newUuid(clock, random);
    const secret = random.bytes(SECRET_BYTES);
    const backup = await storage.write(platform, async (tx) => {
      await makeRoom(tx, person.id, 'totp');
      const given = drawn === undefined || (await backupCodes.hasAny(tx, person.id)) ? undefined : drawn;
      const details = await held.sealDetails(tx, person.id, id, { label, secret, backup: given });
      await mfaStore.add(tx, rowOf(person.id, id, 'totp', details));
      await note(tx, actor, person.id, 'mfa.factor_begun', { method: 'totp', factor: id });
      return given;
    });
    return { factorId: id, ...(await appSetup(secret, name, person.username)), backupCodes: backup ?? [] };
  }

  async function beginTotp(actor: Actor, person: TotpOwner, label = APP): Promise<NewTotp> {
    const { backupCodes: _none, ...begun } = await begin(actor, person, label);
    return begun;
  }

  /**
   * The codes lie sealed with the app that they were shown with: whoever begins one and does not confirm it has codes
   * that never become good, whatever its owner confirms afterwards.
   */
  const beginTotpWithCodes = (actor: Actor, person: TotpOwner, label = APP): Promise<NewTotpWithCodes> =>
    begin(actor, person, label, backupCodes.draw());

  async function beginCode(actor: Actor, personId: PersonId, { method, to, label }: CodeWish, from: Sender) {
    const id = newUuid(clock, random);
    const target = { method, to, personId };
    const undo = await codes.admit({ ...target, confirmed: false }, from);
    const begin = async (tx: Tx): Promise<void> => {
      await makeRoom(tx, personId, method, to);
      const pepper = await held.needPepper(tx, personId);
      const code = await codes.send(tx, actor, { ...target, factorId: id, pepper });
      const details = await held.sealDetails(tx, personId, id, { label: label ?? hintOf(to), to });
      await mfaStore.add(tx, { ...rowOf(personId, id, method, details), code });
      await note(tx, actor, personId, 'mfa.factor_begun', { method, factor: id });
    };
    await unlessFailed(undo, () => storage.write(platform, begin));
    return { factorId: id, hint: hintOf(to) };
  }

  async function sendCode(actor: Actor, personId: PersonId, factorId: string, from: Sender) {
    const factor = await storage.read(platform, (tx) => find(tx, personId, factorId));
    const to = factor?.details?.to;
    if (factor === undefined || factor.row.method === 'totp' || to === undefined) throw mfaFault('MFA_FACTOR_UNKNOWN');
    const target = { method: factor.row.method, to, personId };
    const undo = await codes.admit({ ...target, confirmed: factor.row.confirmedAt !== undefined }, from);
    const send = async (tx: Tx): Promise<void> => {
      const pepper = await held.needPepper(tx, personId);
      const code = await codes.send(tx, actor, { ...target, factorId, pepper });
      const stored = await mfaStore.setCode(tx, personId, factorId, code);
      if (stored === 0) throw mfaFault('MFA_FACTOR_UNKNOWN'); // removed meanwhile: nothing is sent
    };
    await unlessFailed(undo, () => storage.write(platform, send));
    return { hint: hintOf(to), expiresInS: CODE_MS / 1_000 };
  }

  /** Whether the person shows to hold what was begun. */
  async function take(tx: Tx, { row, details }: HeldFactor, code: string): Promise<boolean> {
    const now = clock.now();
    if (row.method === 'totp') {
      const step = details?.secret && stepOf(details.secret, plain(code), now);
      return step !== undefined && (await mfaStore.confirm(tx, row.id, now, step)) === 1;
    }
    const pepper = await held.needPepper(tx, row.personId);
    const digest = sentDigest(pepper, row.id, plain(code));
    if (row.code !== undefined && equalBytes(row.code.digest, digest)) {
      const took = await mfaStore.takeCode(tx, row.id, digest, now);
      if (took === 1) return (await mfaStore.confirm(tx, row.id, now)) === 1;
    }
    await mfaStore.countTry(tx, row.personId, row.method, row.id);
    return false;
  }

  async function confirmIn(
    tx: Tx,
    actor: Actor,
    person: PersonId,
    { id, code, within }: { id: string; code: string; within: Within },
  ): Promise<Confirmation> {
    const factor = await find(tx, person, id);
    if (factor === undefined || factor.row.confirmedAt !== undefined) return { kind: 'unknown' };
    const { method } = factor.row;
    if (!(await take(tx, factor, code))) {
      const object = { type: 'person', id: person };
      await audit.record(tx, {
        ...actor,
        action: 'mfa.refused',
        outcome: 'refused',
        object,
        facts: { method, factor: id },
      });
      return { kind: 'wrong' };
    }
    await within(tx, person);
    await onConfirmed(tx, person);
    await note(tx, actor, person, 'mfa.factor_added', { method, factor: id });
    await notices.tell(tx, actor, person, { kind: 'factor-added', method });
    if (await backupCodes.hasAny(tx, person)) return { kind: 'confirmed' };
    const { backup, ...details } = factor.details ?? { label: '' };
    if (backup !== undefined)
      await mfaStore.setDetails(tx, person, id, await held.sealDetails(tx, person, id, details));
    return { kind: 'confirmed', backupCodes: await backupCodes.make(tx, actor, person, backup) };
  }

  const rowOf = (personId: PersonId, id: string, method: 'totp' | CodeMethod, details: string) => ({
    ...{ id, personId, method, details, createdAt: clock.now() },
    ...{ confirmedAt: undefined, lastUsedAt: undefined, code: undefined },
  });

  return {
    beginTotp,
    beginTotpWithCodes,
    beginCode,
    sendCode,
    confirm: async (actor: Actor, person: PersonId, id: string, code: string, within: Within = nothingMore) => {
      // The tries count also where the answer is no, so the fault is thrown behind the write.
      const { kind, ...more } = await storage.write(platform, (tx) =>
        confirmIn(tx, actor, person, { id, code, within }),
      );
      if (kind === 'unknown') throw mfaFault('MFA_FACTOR_UNKNOWN');
      if (kind === 'wrong') throw mfaFault('MFA_CODE_WRONG');
      return more;
    },
    isAlive,
    /** Forgets what nobody confirmed. */
    prune: async () => {
      await storage.write(platform, (tx) => mfaStore.forgetPending(tx, epochMs(clock.now() - PENDING_MS)));
    },
  };
}

/** What was not sent does not count. */
async function unlessFailed(undo: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await undo();
    throw error;
  }
}
