import { actorOf, type Context, headerText } from '../http/index.ts';
import type { Identity, Person } from '../identity/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { anonymous } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import { mfaFault, type Tickets } from '../mfa/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';
import type { SignInOptions, SignInOutcome } from './sign-in-types.ts';

export interface StartDeps {
  readonly storage: Storage;
  readonly identity: Pick<Identity, 'confirm'>;
  readonly sessions: Pick<Sessions, 'start' | 'devices'>;
  readonly tickets: Pick<Tickets, 'spend'>;
  readonly tenants: Pick<Tenants, 'assertMember'>;
  readonly audit: AuditSink;
  readonly now: () => EpochMs;
}

/** Somebody who has given everything that is asked of them. */
export interface Passed {
  readonly person: Person;
  readonly tenantId: TenantId;
  readonly amr: readonly string[];
  /** False where a remembered device stood in for the second factor. */
  readonly proved: boolean;
  readonly secondFactor: boolean;
  /** For how long the device is to stand in for it from now on; 0 for not at all. */
  readonly rememberMs: number;
  /** Used up in the write that starts the session, so that one ticket is one session. */
  readonly ticket?: string | undefined;
  readonly backupCodes?: readonly string[] | undefined;
  /** Asked inside that write too: what was proved a moment ago may have been ended since. @throws to refuse */
  readonly confirm?: (() => void) | undefined;
}

/** The last step of every sign-in. */
export const createStart =
  ({ storage, identity, sessions, tickets, tenants, audit, now }: StartDeps) =>
  async (context: Context, options: SignInOptions, passed: Passed): Promise<SignInOutcome> => {
    const { person, tenantId, amr, secondFactor, proved, rememberMs, ticket } = passed;
    const { terms } = options;
    const actor = actorOf(context, anonymous, tenantId);
    const device = deviceOf(context);

    async function confirm(tx: Tx): Promise<void> {
      await identity.confirm(tx, person);
      await tenants.assertMember(tx, person.id, tenantId); // a ticket is older than this write
      passed.confirm?.();
      if (ticket !== undefined && !(await tickets.spend(tx, ticket))) throw mfaFault('MFA_TICKET_INVALID');
      const object = { type: 'person', id: person.id };
      const facts = { profile: terms?.profile ?? 'twinkeep', amr, proved };
      await audit.record(tx, { ...actor, action: 'signin.passed', outcome: 'done', object, facts });
    }

    const remember = secondFactor && rememberMs > 0 ? { rememberMs } : {};
    const wish = { token: options.knownDevice, device, ...remember };
    const kept = await storage.write(platform, async (tx) => {
      await identity.confirm(tx, person); // a device is known after a good sign-in, and after no other
      return sessions.devices.keep(tx, actor, person.id, wish);
    });
    const subject = {
      confirm,
      personId: person.id,
      username: person.username,
      realmId: person.realmId,
      tenantId,
      amr,
      proved,
      knownDeviceId: kept.id,
      ...(secondFactor ? { secondFactorAt: now() } : {}),
    };
    const grant = await sessions.start(actorOf(context, anonymous), subject, device, terms);
    const { backupCodes } = passed;
    return {
      kind: 'signed-in',
      grant,
      personId: person.id,
      newDevice: kept.token,
      ...(backupCodes && { backupCodes }),
    };
  };

const deviceOf = ({ headers, address }: Context): Parameters<Sessions['start']>[2] => ({
  userAgent: headerText(headers['user-agent'] ?? '', 256),
  address,
});
