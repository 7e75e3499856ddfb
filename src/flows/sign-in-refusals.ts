import type { Audit } from '../audit/index.ts';
import type { Failures } from '../detection/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import { identityFault, type Person } from '../identity/index.ts';
import { anonymous } from '../kernel/principal.ts';
import { mfaFault } from '../mfa/index.ts';

export interface RefusalDeps {
  readonly audit: Pick<Audit, 'noteRefusal'>;
  readonly failures: Failures;
}

/** Refuses, after telling those who have to know: detection, and the audit log, which alone says who it was about. */
export interface Refusals {
  /** @throws IDENTITY_CREDENTIALS always */
  credentials(context: Context, profile: string, username: string, person: Person | undefined): Promise<never>;
  /** @throws MFA_CODE_WRONG always */
  code(context: Context, profile: string, person: Person | undefined): Promise<never>;
}

export function createRefusals({ audit, failures }: RefusalDeps): Refusals {
  async function tell(context: Context, profile: string, what: 'password' | 'code'): Promise<void> {
    const { address, addressBlock, requestId } = context;
    await failures.failed({ what, profile, address, addressBlock, requestId });
  }

  const about = (person: Person) => ({
    object: { type: 'person', id: person.id },
    facts: { disabled: person.disabledAt !== undefined },
  });

  return {
    credentials: async (context, profile, username, person) => {
      audit.noteRefusal(context.addressBlock, {
        ...actorOf(context, anonymous),
        action: 'signin.refused',
        outcome: 'refused',
        // An unknown name is kept as a monthly pseudonym: it may be a password typed into the wrong field.
        ...(person === undefined ? { unknownName: username } : about(person)),
      });
      await tell(context, profile, 'password');
      throw identityFault('IDENTITY_CREDENTIALS');
    },
    code: async (context, profile, person) => {
      audit.noteRefusal(context.addressBlock, {
        ...actorOf(context, anonymous),
        action: 'signin.code_refused',
        outcome: 'refused',
        ...(person === undefined ? {} : about(person)),
      });
      await tell(context, profile, 'code');
      throw mfaFault('MFA_CODE_WRONG');
    },
  };
}
