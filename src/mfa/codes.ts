import type { Delivery } from '../delivery/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type PersonId } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Budget, Undo } from './budget.ts';
import { mfaFault } from './errors.ts';
import type { Pepper } from './held.ts';
import type { CodeMethod, Sender } from './method.ts';
import { prefixOf } from './phone.ts';
import type { SentCode } from './store.ts';

/** A code that was sent is good for this long. */
export const CODE_MS = minutes(10);

const DIGITS = 6;

export interface Channels {
  readonly sms: boolean;
  readonly email: boolean;
}

/** Where a code goes. */
export interface Target {
  readonly method: CodeMethod;
  readonly to: string;
  readonly personId: PersonId;
}

/** Six digits on their way to somebody by SMS or e-mail. */
export interface Codes {
  /**
   * Counts what is about to be sent, ahead of the write.
   *
   * @throws MFA_CHANNEL_OFF, MFA_NUMBER_REFUSED, MFA_BUDGET_SPENT
   */
  admit(target: Target & { readonly confirmed: boolean }, from: Sender): Promise<Undo>;
  /** A code for a factor, put into the outbox: what is to be stored of it. @throws MFA_CHANNEL_OFF */
  send(tx: Tx, actor: Actor, target: Target & { factorId: string; pepper: Pepper }): Promise<SentCode>;
}

export interface CodeDeps {
  readonly delivery: Pick<Delivery, 'enqueue'>;
  readonly channels: Channels;
  readonly countries: readonly string[];
  readonly budget: Budget;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly name: string;
  /** The host that browsers may fill a code in at; none is named without. */
  readonly host: string | undefined;
}

export function createCodes(deps: CodeDeps): Codes {
  const { delivery, channels, countries, budget, audit, clock, random } = deps;
  return {
    admit: async ({ method, to, personId, confirmed }, { addressBlock }) => {
      if (!channels[method]) throw mfaFault('MFA_CHANNEL_OFF');
      const prefix = method === 'sms' ? prefixOf(to, countries) : undefined;
      return budget.spend({ method, to, prefix, personId, addressBlock, confirmed });
    },
    send: async (tx, actor, { method, to, personId, factorId, pepper }) => {
      const code = newCode(random);
      const expiresAt = epochMs(clock.now() + CODE_MS);
      await enqueue(tx, deps, { actor, method, to, code, expiresAt });
      const object = { type: 'person', id: personId };
      const facts = { method, factor: factorId };
      await audit.record(tx, { ...actor, action: 'mfa.code_sent', outcome: 'done', object, facts });
      return { digest: sentDigest(pepper, factorId, code), expiresAt };
    },
  };

  async function enqueue(tx: Tx, { name, host }: CodeDeps, sent: Sent): Promise<void> {
    const { method, to, code, expiresAt, actor } = sent;
    const { tenantId } = actor;
    const line = `${code} is your code for ${name}. It is good for ${CODE_MS / 60_000} minutes. Tell it to nobody.`;
    try {
      if (method === 'email') {
        const subject = `${code} is your code for ${name}`;
        await delivery.enqueue(tx, { kind: 'email', to, tenantId, expiresAt, subject, text: `${line}\n` });
        return;
      }
      const bound = host === undefined ? '' : `\n\n@${host} #${code}`; // a browser offers it at this host alone
      await delivery.enqueue(tx, { kind: 'sms', to, tenantId, expiresAt, text: line + bound });
    } catch (error) {
      if (isFault(error, 'DELIVERY_CHANNEL_OFF')) throw mfaFault('MFA_CHANNEL_OFF', {}, error);
      throw error;
    }
  }
}

interface Sent {
  readonly actor: Actor;
  readonly method: CodeMethod;
  readonly to: string;
  readonly code: string;
  readonly expiresAt: EpochMs;
}

/** What is stored of a code that was sent: it answers for that factor alone. */
export const sentDigest = (pepper: Pepper, factorId: string, code: string): Buffer => pepper(`sent ${factorId}`, code);

/** Six digits, each as likely as the next: what would make the first ones likelier is drawn anew. */
function newCode(random: Random): string {
  const end = 10 ** DIGITS;
  const most = Math.floor(2 ** 32 / end) * end;
  let drawn = random.bytes(4).readUInt32BE();
  while (drawn >= most) drawn = random.bytes(4).readUInt32BE();
  return String(drawn % end).padStart(DIGITS, '0');
}
