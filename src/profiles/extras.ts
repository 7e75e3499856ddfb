import type { z } from 'zod';
import type { ApiKeys, AssertMayGive } from '../apikeys/index.ts';
import type { Accounts, createStepUp, SignIn, SignInOptions } from '../flows/index.ts';
import type { Context, Input, Reply, Route } from '../http/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { KnownPrincipal, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { Json } from '../kernel/tx.ts';
import type { Mfa } from '../mfa/index.ts';
import type { Readings } from '../readings/index.ts';
import type { Csrf, EndScope, Grant, Revocations, Sessions, ShownDevice, Terms, Tokens } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import type { Insight } from './aivillage/insight.ts';
import type { Delivery, LegacyName, Preset } from './presets.ts';
import type { CsrfPolicy, Observer, PolicyRule, ServedProfile } from './profile.ts';

/** The rooms and flows that profiles put their names on. */
export interface ProfileDeps {
  readonly issuer: string;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly revocations: Revocations;
  readonly sessions: Sessions;
  readonly csrf: Csrf;
  readonly signIn: SignIn;
  readonly stepUp: ReturnType<typeof createStepUp>;
  readonly accounts: Accounts;
  readonly mfa: Mfa;
  readonly apiKeys: ApiKeys;
  readonly readings: Readings;
  readonly rolesOf: (caller: KnownPrincipal, tenantId: TenantId) => readonly string[] | Promise<readonly string[]>;
  readonly assertHolds: AssertMayGive;
  /**
   * Whether a caller may do something of which the route does not say so: the line's own question, second factors and all.
   *
   * @throws ACCESS_FACTOR_REQUIRED where only a factor is missing
   */
  readonly may: (caller: PersonPrincipal, tenantId: TenantId, permission: string) => Promise<boolean>;
  /** Which sessions of somebody an administrator of that tenant may end. @throws IDENTITY_PERSON_UNKNOWN */
  readonly endsOfMember: (tenant: TenantId, person: PersonId) => Promise<EndScope>;
  /** What can be told of the whole server's security. */
  readonly insight: Insight;
  /** The limits that hold for every profile. */
  readonly generalRules: readonly PolicyRule[];
  readonly onError: (error: unknown) => void;
}

/** What the routes of one profile stand on, the common ones and its own. */
export interface ProfileGround extends ProfileDeps {
  readonly profile: LegacyName;
  readonly prefix: string;
  readonly preset: Preset;
  /** What sessions of the profile are: whose tokens, how long, refreshed or not. */
  readonly terms: Terms;
  readonly observer: Observer | undefined;
  readonly parcels: Parcels;
  readonly csrfPolicy: CsrfPolicy | undefined;
  /** What every sign-in of the profile is told: its terms, its hashes, and the device that the browser says it is. */
  signInOptions(context: Context): SignInOptions;
}

/** How the profile hands grants out and takes refresh tokens back. */
export interface Parcels {
  /** Where a refresh token may come from. */
  readonly takes: { readonly body: boolean; readonly cookie: boolean };
  /** A grant as the profile's clients want it, with its cookies and whatever else is set. */
  reply(grant: Grant, context: Context, more?: readonly string[]): Promise<Reply>;
  /** What the body of such an answer holds. */
  readonly schema: z.ZodType;
  /** The refresh token of the cookie, where the page is one of ours. @throws SESSION_UNKNOWN, SESSION_CSRF */
  tokenOfCookie(context: Context, form?: Input['form']): Promise<string>;
  /** What binds a refresh token to its device, where the client has it. */
  deviceOf(context: Context): ShownDevice | undefined;
  /** The readable cookie of the CSRF value anew; none where there are no cookies. */
  csrfCookie(value: string, context: Context): readonly string[];
  /** Takes all cookies of the profile away. */
  clear(context: Context): readonly string[];
}

/** The member values of a grant's answer. */
export interface Parcel {
  readonly grant: Grant;
  /** Given where cookies are set. */
  readonly csrf: string | undefined;
  readonly delivery: Delivery;
}

/** What a profile adds to what all of them have, or has in another way. */
export type Extras = Partial<Pick<ServedProfile, 'face' | 'observer' | 'blocksFirst' | 'start' | 'close'>> & {
  /** One at the method and path of a common route stands in its place. */
  readonly routes?: readonly Route[] | ((ground: ProfileGround) => readonly Route[]);
  /** Claims of its tokens beside `sub` and `role`, for old back ends; nothing of them is believed by us. */
  readonly claims?: (holder: PersonPrincipal) => Promise<Readonly<Record<string, Json>>>;
  /** Looks at a presented token first. */
  readonly tokens?: (own: Tokens) => Tokens;
  /** Looks at a presented refresh token first. @throws to refuse it */
  readonly assertRefreshToken?: (text: string) => void;
  /** What `POST` of its sign-in takes, in place of the common members. */
  readonly loginBody?: z.ZodType<LoginBody>;
  /** What of a grant is in the body. */
  readonly replyOf?: (parcel: Parcel) => Readonly<Record<string, Json>>;
};

export interface LoginBody {
  readonly username: string;
  readonly password: string;
  /** The second factor in the same call: its clients know of one step alone. */
  readonly code?: string | undefined;
}
