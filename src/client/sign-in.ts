import type { Challenge, Enrolling, Method, Offered, SignInStep } from './answers.ts';
import { type Core, objectIn, unread } from './core.ts';
import { createCredential, getCredential } from './passkey.ts';

export interface Credentials {
  /** A user name, or the e-mail address of the account. */
  readonly username: string;
  readonly password: string;
  readonly tenant?: string;
  /** The second factor in the same call, where it is known already. */
  readonly code?: string;
  /** Ask this device for no second factor for as long as the server allows. */
  readonly rememberDevice?: boolean;
}

export interface SecondAnswer {
  readonly ticket: string;
  readonly code: string;
  readonly method?: Method;
  readonly factorId?: string;
  readonly rememberDevice?: boolean;
}

export interface Wish {
  readonly method?: Method;
  readonly factorId?: string;
}

/** The ways in. */
export interface SignInCalls {
  /** @throws ClientError `IDENTITY_CREDENTIALS`, `LIMIT_EXCEEDED`; of older systems without tickets also `MFA_REQUIRED` */
  login(credentials: Credentials): Promise<SignInStep>;
  /** Has a code sent, for a sign-in that waits for one. */
  challenge(ticket: string, wish?: Wish): Promise<Challenge>;
  /** @throws ClientError `MFA_CODE_WRONG`, `MFA_TICKET_INVALID` */
  verifySecondFactor(answer: SecondAnswer): Promise<SignInStep>;
  /** Begins the second factor that policy asks for; its first code goes to `verifySecondFactor`. */
  enrol(ticket: string, wish: { readonly method: 'totp' | 'sms' | 'email'; readonly to?: string }): Promise<Enrolling>;
  readonly passkey: PasskeyCalls;
}

export interface PasskeyCalls {
  /** Signs in with a passkey alone. @throws ClientError `CLIENT_NO_PASSKEYS`, and what the browser throws on a refusal */
  signIn(signal?: AbortSignal): Promise<SignInStep>;
  /** Answers a sign-in, or a set-up at sign-in, with a passkey as the second factor. */
  verify(step: Extract<SignInStep, { ticket: string }>, signal?: AbortSignal): Promise<SignInStep>;
}

export function createSignIn(core: Core): SignInCalls {
  const { byCookie } = core;
  const delivery = byCookie ? { delivery: 'cookie' } : {}; // older systems have a way of their own, and no such member
  const native = core.preset.secondFactor?.ticket === 'ticket';
  const wayOf = native ? delivery : {};

  async function step(path: string, body: object, signal?: AbortSignal): Promise<SignInStep> {
    const answer = await core.open(path, body, signal);
    const given = objectIn(answer.body);
    const waiting = waitingIn(given);
    if (waiting !== undefined) return waiting;
    core.keep(given);
    const codes = given['backup_codes'];
    return { kind: 'signed-in', ...(isTexts(codes) ? { backupCodes: codes } : {}) };
  }

  const verifyPath = (): string => core.preset.secondFactor?.verify ?? core.path('secondFactor');

  return {
    login: ({ username, password, tenant, code, rememberDevice }) =>
      step(core.path('login'), {
        ...{ username, password, ...wayOf },
        ...(tenant === undefined ? {} : { tenant }),
        ...(code === undefined ? {} : { code }),
        ...(rememberDevice === undefined ? {} : { remember_device: rememberDevice }),
      }),
    challenge: async (ticket, wish) =>
      (await core.open<Challenge>('/v1/login/challenge', { ticket, ...wishOf(wish) })).body,
    verifySecondFactor: ({ ticket, code, rememberDevice, ...wish }) =>
      step(
        verifyPath(),
        native
          ? {
              ...{ ticket, code, ...wishOf(wish), ...wayOf },
              ...(rememberDevice === undefined ? {} : { remember_device: rememberDevice }),
            }
          : { mfa_token: ticket, code, ...(wish.method === undefined ? {} : { method: wish.method }) },
      ),
    enrol: async (ticket, wish) => (await core.open<Enrolling>('/v1/login/enrol', { ticket, ...wish })).body,
    passkey: {
      signIn: async (signal) => {
        const { body } = await core.open('/v1/login/passkey/options', undefined, signal);
        const passkey = await getCredential(objectIn(body)['passkey'], signal);
        return step('/v1/login/passkey', { passkey, ...wayOf }, signal);
      },
      verify: async ({ kind, ticket }, signal) => {
        const path = kind === 'enrol' ? '/v1/login/enrol' : '/v1/login/challenge';
        const { body } = await core.open(path, { ticket, method: 'passkey' }, signal);
        const ask = kind === 'enrol' ? createCredential : getCredential;
        const passkey = await ask(objectIn(body)['passkey'], signal);
        return step(verifyPath(), { ticket, passkey, ...wayOf }, signal);
      },
    },
  };
}

const wishOf = ({ method, factorId }: Wish = {}): object => ({
  ...(method === undefined ? {} : { method }),
  ...(factorId === undefined ? {} : { factor_id: factorId }),
});

/** What is still missing, in our words or in those of AI Village. */
function waitingIn(given: Readonly<Record<string, unknown>>): SignInStep | undefined {
  if (given['second_factor'] !== undefined) {
    const { ticket, expiresInS, methods } = ticketIn(objectIn(given['second_factor']), 'ticket');
    return { kind: 'second-factor', ticket, expiresInS, methods: methods.map(offeredOf) };
  }
  if (given['enrol'] !== undefined) {
    const { ticket, expiresInS, methods } = ticketIn(objectIn(given['enrol']), 'ticket');
    return { kind: 'enrol', ticket, expiresInS, methods: methods.map((method) => offeredOf(method).method) };
  }
  if (given['mfa_required'] !== true) return undefined;
  const { ticket, expiresInS, methods } = ticketIn(given, 'mfa_token');
  return { kind: 'second-factor', ticket, expiresInS, methods: methods.map(offeredOf) };
}

function ticketIn(given: Readonly<Record<string, unknown>>, name: string) {
  const ticket = given[name];
  const [seconds, methods] = [given['expires_in'], given['methods']];
  if (typeof ticket !== 'string') throw unread('no ticket');
  return {
    ticket,
    expiresInS: typeof seconds === 'number' ? seconds : 0,
    methods: Array.isArray(methods) ? [...methods] : [],
  };
}

/** A server that is newer than this library may name other methods: they are handed on as they are. */
function offeredOf(given: unknown): Offered {
  const { method, factor_id, hint } = typeof given === 'string' ? { method: given } : objectIn(given);
  return {
    method: String(method) as Method,
    ...(typeof factor_id === 'string' ? { factor_id } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
