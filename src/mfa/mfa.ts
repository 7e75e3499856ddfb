import type { Delivery } from '../delivery/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { createAnswers } from './answers.ts';
import { type BackupCodes, createBackupCodes, type ShownCode } from './backup-codes.ts';
import { createBudget, type HotCounts } from './budget.ts';
import { type Channels, createCodes } from './codes.ts';
import type { MfaConfig } from './config.ts';
import { type CodeWish, createEnrolment, type NewTotp, type NewTotpWithCodes, type Within } from './enrolment.ts';
import { mfaFault } from './errors.ts';
import { createHeld } from './held.ts';
import { type Answer, type Factor, METHODS, type Method, type MfaProof, type Offered, type Sender } from './method.ts';
import { createNotices, type Notices } from './notices.ts';
import { relyingPartyOf } from './passkey-party.ts';
import { createPasskeys, type Passkeys } from './passkeys.ts';
import { hintOf } from './phone.ts';
import { createPolicies, type Policies } from './policy.ts';
import { mfaStore } from './store.ts';
import { passkeyStore } from './store-passkeys.ts';
import type { Ticket } from './store-tickets.ts';
import { createTickets, type Tickets } from './tickets.ts';

export interface MfaDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly delivery: Pick<Delivery, 'enqueue' | 'publish'>;
  /** Which messages can be sent at all. */
  readonly channels: Channels;
  readonly hot: HotCounts;
  /** Tells other processes of a policy that was changed; without one they find out within the second. */
  readonly bus?: Bus | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: MfaConfig;
  /** Our address: passkeys and codes by SMS are bound to its host. */
  readonly issuer: string;
  /** Inside `tx`; undefined where a person has no address that opens. */
  readonly emailOf: (tx: Tx, person: PersonId) => Promise<string | undefined>;
  /** The tenants of a person with the names of their roles there. */
  readonly membershipsOf: (person: PersonId) => Promise<ReadonlyMap<TenantId, readonly string[]>>;
  /** Hears of a stored secret that does not open. */
  readonly onError: (error: unknown) => void;
}

/** Second factors of people. */
export interface Mfa {
  /** Passkeys too, and what was begun and not confirmed yet. */
  list(person: PersonId): Promise<readonly Factor[]>;
  /** What can answer a sign-in now; empty: none is set up. */
  offered(person: PersonId): Promise<readonly Offered[]>;
  /** Whether a factor is confirmed; backup codes alone are none. */
  isEnrolled(person: PersonId): Promise<boolean>;
  /** @throws MFA_FACTORS_FULL */
  beginTotp(actor: Actor, person: { id: PersonId; username: string }, label?: string): Promise<NewTotp>;
  /** The same with its backup codes at once, for clients that know no later moment. @throws MFA_FACTORS_FULL */
  beginTotpWithCodes(
    actor: Actor,
    person: { id: PersonId; username: string },
    label?: string,
  ): Promise<NewTotpWithCodes>;
  /** Sends the first code. @throws MFA_CHANNEL_OFF, MFA_NUMBER_REFUSED, MFA_BUDGET_SPENT, MFA_TAKEN, MFA_FACTORS_FULL */
  beginCode(
    actor: Actor,
    person: PersonId,
    wish: CodeWish,
    from: Sender,
  ): Promise<{ readonly factorId: string; readonly hint: string }>;
  /** Another code; the one before it ends. @throws MFA_FACTOR_UNKNOWN, MFA_CHANNEL_OFF, MFA_NUMBER_REFUSED, MFA_BUDGET_SPENT */
  sendCode(
    actor: Actor,
    person: PersonId,
    factorId: string,
    from: Sender,
  ): Promise<{ readonly hint: string; readonly expiresInS: number }>;
  /**
   * The first confirmed factor makes ten backup codes. Sign-ins of the person that were to set one up end.
   *
   * @param within a part of the same write, for what must still hold then
   * @throws MFA_CODE_WRONG, MFA_FACTOR_UNKNOWN
   */
  confirm(
    actor: Actor,
    person: PersonId,
    factorId: string,
    code: string,
    within?: Within,
  ): Promise<{ readonly backupCodes?: readonly string[] }>;
  /**
   * The `within` of a factor that is set up at sign-in: uses its ticket up and forgets what else was begun. Who has given
   * no second factor may set up the first one alone.
   *
   * @throws MFA_TICKET_INVALID
   */
  bySignIn(token: string, ticket: Ticket): Within;
  /**
   * One answer, in the same work whatever is set up. Each code counts once, also in parallel and over processes.
   *
   * @returns undefined for a wrong one
   * @throws MFA_BUDGET_SPENT after `wrongPerDay` wrong ones
   */
  verify(actor: Actor, person: PersonId, answer: Answer): Promise<MfaProof | undefined>;
  /** Tells the person. Backup codes end with the last factor. @throws MFA_FACTOR_UNKNOWN, MFA_LAST_FACTOR */
  remove(actor: Actor, person: PersonId, factorId: string): Promise<void>;
  /** Everything of a person, for recovery and deletion. @returns how many factors there were */
  reset(tx: Tx, actor: Actor, person: PersonId): Promise<number>;
  readonly backupCodes: {
    left(person: PersonId): Promise<number>;
    show(person: PersonId): Promise<readonly ShownCode[]>;
    /** The old ones end. @throws MFA_ENROLMENT_NEEDED */
    renew(actor: Actor, person: PersonId): Promise<readonly string[]>;
  };
  readonly recovery: {
    /** A one-time code for an administrator to hand over; `verify` takes it as `backup`, and removes nothing. */
    issue(tx: Tx, actor: Actor, person: PersonId): Promise<string>;
  };
  readonly policy: Policies;
  /** What anybody could set up here now; codes of last resort come with the others. */
  methodsHere(): readonly Method[];
  /** What is asked of a person, by all of their tenants. */
  demandOf(person: PersonId): ReturnType<Policies['of']>;
  readonly passkeys: Passkeys;
  readonly tickets: Tickets;
  /** Forgets what was begun and not confirmed, and tickets that ran out; to be run now and then. */
  prune(): Promise<void>;
}

export async function createMfa(deps: MfaDeps): Promise<Mfa> {
  const { storage, vault, audit, channels, clock, random, config, issuer } = deps;
  const { name } = config;
  const notices = createNotices({ ...deps, name });
  const budget = createBudget(deps.hot, config);
  const held = createHeld({ subjects: vault.subjects, random, onError: deps.onError });
  const backupCodes = createBackupCodes({ ...deps, held, notices, recoveryMs: config.recoveryMs });
  const { countries } = config.sms;
  const codes = createCodes({ ...deps, budget, countries, name, host: URL.parse(issuer)?.hostname });
  const tickets = createTickets(deps);
  // Else whoever has the password could go on with a ticket from before, and set up one of their own beside it.
  const onConfirmed: Within = (tx, person) => tickets.closeEnrolling(tx, person);
  const enrolment = createEnrolment({ ...deps, held, codes, backupCodes, notices, name, onConfirmed });
  const verify = createAnswers({ ...deps, held, backupCodes, budget, notices });
  const passkeys = createPasskeys({
    ...{ storage, vault, audit, clock, random },
    party: relyingPartyOf(issuer, name, config.passkeys),
    onAdded: async (tx, actor, person) => {
      await onConfirmed(tx, person);
      await notices.tell(tx, actor, person, { kind: 'factor-added', method: 'passkey' });
      return (await backupCodes.hasAny(tx, person)) ? undefined : backupCodes.make(tx, actor, person);
    },
  });
  const isOffered = (method: Method): boolean => {
    if (method === 'sms') return channels.sms && countries.length > 0;
    if (method === 'email') return channels.email;
    return method !== 'passkey' || passkeys.isOffered;
  };
  const policy = createPolicies({ storage, audit, bus: deps.bus, clock, normal: config.policy, isOffered });
  const demandOf: Mfa['demandOf'] = async (person) => {
    const memberships = await deps.membershipsOf(person);
    return policy.of([...memberships.keys()], (tenant) => memberships.get(tenant) ?? []);
  };
  const looks = createLooks({ storage, held, passkeys, clock, isAlive: enrolment.isAlive });

  return {
    ...looks,
    ...enrolment,
    verify,
    bySignIn:
      (token, { amr }) =>
      async (tx, person) => {
        const held = (await mfaStore.confirmed(tx, person)) + (await passkeyStore.count(tx, person));
        const isFirst = amr.includes('mfa') || held === 1;
        if (!(await tickets.spend(tx, token)) || !isFirst) throw mfaFault('MFA_TICKET_INVALID');
        for (const method of ['totp', 'sms', 'email']) await mfaStore.removePending(tx, person, method);
      },
    remove: createRemoval({ storage, held, passkeys, backupCodes, audit, notices, demandOf }),
    reset: async (tx, actor, person) => {
      const removed = (await mfaStore.removeAll(tx, person)) + (await passkeys.removeAll(tx, person));
      await tickets.closeAll(tx, person); // those asked for a factor that there no longer is
      const facts = { factors: removed };
      await audit.record(tx, { ...actor, action: 'mfa.reset', outcome: 'done', object: aboutPerson(person), facts });
      await notices.tell(tx, actor, person, { kind: 'reset' });
      return removed;
    },
    backupCodes: {
      left: backupCodes.left,
      show: backupCodes.show,
      renew: async (actor, person) => {
        if (!(await looks.isEnrolled(person))) throw mfaFault('MFA_ENROLMENT_NEEDED');
        return storage.write(platform, (tx) => backupCodes.make(tx, actor, person));
      },
    },
    recovery: { issue: backupCodes.issueRecovery },
    ...{ policy, demandOf, passkeys, tickets, methodsHere: () => METHODS.filter(isOffered) },
    prune: async () => {
      await enrolment.prune();
      await tickets.prune();
    },
  };
}

const aboutPerson = (id: PersonId) => ({ type: 'person', id });

interface LookDeps {
  readonly storage: Storage;
  readonly held: ReturnType<typeof createHeld>;
  readonly passkeys: Passkeys;
  readonly clock: Clock;
  readonly isAlive: ReturnType<typeof createEnrolment>['isAlive'];
}

/** The questions that change nothing. */
function createLooks({ storage, held, passkeys, clock, isAlive }: LookDeps) {
  const ownOf = (person: PersonId): Promise<readonly Factor[]> =>
    storage.read(platform, async (tx) =>
      (await held.factors(tx, person)).filter(isAlive).map(({ row, details }) => ({
        ...{ id: row.id, method: row.method, createdAt: row.createdAt },
        label: details?.label ?? '',
        hint: details?.to === undefined ? undefined : hintOf(details.to),
        confirmedAt: row.confirmedAt,
        lastUsedAt: row.lastUsedAt,
      })),
    );
  const list = async (person: PersonId): Promise<readonly Factor[]> => [
    ...(await ownOf(person)),
    ...(await passkeys.list(person)),
  ];

  /** Backup codes, and the one that an administrator may have handed over. */
  const hasSpare = (person: PersonId): Promise<boolean> =>
    storage.read(platform, async (tx) => {
      const now = clock.now();
      const spare = [
        ...(await mfaStore.codes(tx, person, 'backup')),
        ...(await mfaStore.codes(tx, person, 'recovery')),
      ];
      return spare.some(({ usedAt, expiresAt }) => usedAt === undefined && (expiresAt ?? now + 1) > now);
    });

  return {
    list,
    /** Also what cannot be sent at the moment: a channel that is off must not make a second factor fall away. */
    offered: async (person: PersonId): Promise<readonly Offered[]> => {
      const confirmed = (await list(person)).filter(({ confirmedAt }) => confirmedAt !== undefined);
      if (confirmed.length === 0) return [];
      const hasKey = confirmed.some(({ method }) => method === 'passkey');
      const others = confirmed.filter(({ method }) => method !== 'passkey');
      return [
        ...(hasKey ? [{ method: 'passkey' } as const] : []),
        ...others.map(({ method, id, hint }) => ({ method, factorId: id, ...(hint === undefined ? {} : { hint }) })),
        ...((await hasSpare(person)) ? [{ method: 'backup' } as const] : []),
      ];
    },
    /** Rows are counted, not opened: what was altered must not make a second factor seem not to be there. */
    isEnrolled: async (person: PersonId): Promise<boolean> =>
      (await storage.read(platform, (tx) => mfaStore.confirmed(tx, person))) > 0 || passkeys.isEnrolled(person),
  };
}

interface RemovalDeps {
  readonly storage: Storage;
  readonly held: ReturnType<typeof createHeld>;
  readonly passkeys: Passkeys;
  readonly backupCodes: BackupCodes;
  readonly audit: AuditSink;
  readonly notices: Notices;
  readonly demandOf: Mfa['demandOf'];
}

function createRemoval({ storage, held, passkeys, backupCodes, audit, notices, demandOf }: RemovalDeps): Mfa['remove'] {
  async function removeIn(tx: Tx, actor: Actor, person: PersonId, id: string): Promise<Method | undefined> {
    if (await passkeys.remove(tx, actor, person, id)) return 'passkey';
    const found = (await mfaStore.factors(tx, person)).find((row) => row.id === id);
    if (found === undefined || (await mfaStore.remove(tx, person, id)) === 0) return undefined;
    const facts = { method: found.method, factor: id };
    const object = aboutPerson(person);
    await audit.record(tx, { ...actor, action: 'mfa.factor_removed', outcome: 'done', object, facts });
    return found.method;
  }

  return async (actor, person, id) => {
    const { required, methods } = await demandOf(person);
    await storage.write(platform, async (tx) => {
      const method = await removeIn(tx, actor, person, id);
      if (method === undefined) throw mfaFault('MFA_FACTOR_UNKNOWN');
      const left: Method[] = (await held.factors(tx, person)).flatMap(({ row }) =>
        row.confirmedAt === undefined ? [] : [row.method],
      );
      if ((await passkeyStore.count(tx, person)) > 0) left.push('passkey');
      // Asked behind the removal, in the same write: two at once can't each leave the other's.
      if (required && !left.some((one) => methods.includes(one))) throw mfaFault('MFA_LAST_FACTOR');
      if (left.length === 0) await backupCodes.end(tx, person);
      await notices.tell(tx, actor, person, { kind: 'factor-removed', method });
    });
  };
}
