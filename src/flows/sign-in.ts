import type { Audit } from '../audit/index.ts';
import type { Failures } from '../detection/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import type { Identity, Person } from '../identity/index.ts';
import { type PersonId, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { type Mfa, mfaFault, type Ticket } from '../mfa/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_REALM, type Tenants, tenantFault } from '../tenants/index.ts';
import type { Attempts } from './attempts.ts';
import type { EvenTime } from './even-time.ts';
import { familiarOf, namesOf } from './sign-in-accounts.ts';
import { createSecond } from './sign-in-second.ts';
import { createSteps, profileOf } from './sign-in-steps.ts';
import type { SignIn, SignInOptions } from './sign-in-types.ts';

export interface SignInDeps {
  readonly storage: Storage;
  readonly identity: Identity;
  readonly sessions: Pick<Sessions, 'start' | 'devices'>;
  readonly tenants: Pick<Tenants, 'tenantsOf' | 'assertMember'>;
  readonly mfa: Mfa;
  readonly attempts: Attempts;
  readonly evenTime: EvenTime;
  readonly audit: Audit;
  readonly failures: Failures;
  readonly clock: Clock;
  /** Throws for a person or device that is blocked. */
  readonly assertOpen?: ((person: PersonId, knownDeviceId: string | undefined) => void) | undefined;
  /** Whether all sessions of that person, tenant or of everybody were ended since: that ends sign-ins too. */
  readonly endedSince: (ticket: Pick<Ticket, 'personId' | 'tenantId' | 'openedAt'>) => boolean;
}

export function createSignIn(deps: SignInDeps): SignIn {
  const { identity, sessions, tenants, mfa, attempts, evenTime, failures } = deps;
  const steps = createSteps(deps);
  const { refusals, goOn } = steps;
  const accounts = { identity, devices: sessions.devices };

  async function chooseTenant(person: Person, wanted: string | undefined): Promise<TenantId> {
    const own = await tenants.tenantsOf(person.id);
    const chosen = wanted === undefined ? own[0] : own.find((id) => id === tenantId(wanted));
    if (chosen === undefined) throw tenantFault('TENANT_FOREIGN');
    return chosen;
  }

  const begin: SignIn['begin'] = async (context, { username, password, tenant }, options = {}) => {
    const { scheme } = options;
    const { addressBlock } = context;
    const proved = async () => {
      const { device, counted } = await familiarOf(accounts, username, options.knownDevice, addressBlock);
      const begun = await attempts.begin({ account: username, addressBlock, knownDevice: counted });
      const outcome = await identity.authenticate(MAIN_REALM, username, password, { scheme });
      if (outcome.kind === 'refused')
        return refusals.credentials(context, profileOf(options), username, outcome.person);
      return { person: outcome.person, known: device, attempt: begun };
    };
    const { person, known, attempt } = await evenTime.evenRefusals('login', proved, formsOf(password));
    await attempts.good(attempt);
    failures.succeeded(context.addressBlock);
    const tenantOf = await chooseTenant(person, tenant);
    const { rememberDevice } = options;
    return goOn(context, options, { person, tenantId: tenantOf, amr: ['pwd'], known, rememberDevice });
  };

  /** A passkey that verified its person is two factors in one; possession alone signs nobody in. */
  async function passkeyHolder(context: Context, response: unknown, options: SignInOptions) {
    await attempts.begin({ addressBlock: context.addressBlock });
    const tenantOf = async (id: PersonId): Promise<TenantId | undefined> => (await tenants.tenantsOf(id))[0];
    const passed = await mfa.passkeys.authenticate(response, { actor: actorOf(context, anonymous), tenantOf });
    const person = passed && (await identity.get(passed.personId));
    if (passed?.userVerified !== true || person === undefined || person.disabledAt !== undefined)
      return refusals.code(context, profileOf(options), person);
    return { person, amr: passed.proof.amr };
  }

  const passkey: SignIn['passkey'] = async (context, response, options = {}) => {
    const { person, amr } = await evenTime.evenRefusals('passkey', () => passkeyHolder(context, response, options));
    await attempts.good({ addressBlock: context.addressBlock });
    await attempts.clear(await namesOf(deps, person)); // strangers had their tries, and this is the owner
    failures.succeeded(context.addressBlock);
    const tenantOf = await chooseTenant(person, undefined);
    const known = await sessions.devices.known(person.id, options.knownDevice);
    return goOn(context, { ...options, code: undefined }, { person, tenantId: tenantOf, amr, known, given: 'passkey' });
  };

  return {
    ...createSecond(deps, steps),
    begin,
    passkey,
    passkeyOptions: async (context) => {
      await attempts.begin({ addressBlock: context.addressBlock });
      if (!mfa.passkeys.isOffered) throw mfaFault('MFA_FACTOR_UNKNOWN');
      const options = await mfa.passkeys.authenticationOptions();
      await attempts.good({ addressBlock: context.addressBlock });
      return options;
    },
  };
}

/** A password that NFC changes is tried in both forms, whoever's it is, and so takes twice as long. */
const formsOf = (password: string): number => (password.normalize('NFC') === password ? 1 : 2);
