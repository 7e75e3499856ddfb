import type { Challenge, Me, Method, Passkey, SessionInfo } from './answers.ts';
import { type Core, objectIn } from './core.ts';
import { createCredential, getCredential } from './passkey.ts';
import type { Wish } from './sign-in.ts';

export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly email?: string;
  readonly invitation?: string;
}

export interface Proof {
  readonly password?: string;
  readonly code?: string;
  readonly method?: Method;
  readonly factorId?: string;
}

/** One's own account. Where the profile has no such route: ClientError `CLIENT_NO_ROUTE`. */
export interface AccountCalls {
  me(): Promise<Me>;
  sessions(): Promise<readonly SessionInfo[]>;
  endSession(id: string): Promise<void>;
  /** `accepted`: the rest stands in a mail. */
  register(wish: Registration): Promise<'created' | 'accepted'>;
  /** The answer is the same whether there is such an account or not. */
  forgotPassword(of: { readonly email: string } | { readonly username: string }): Promise<void>;
  resetPassword(token: string, password: string): Promise<void>;
  /** @param wish `passwordless` for one that signs in by itself */
  registerPasskey(
    wish?: { readonly label?: string; readonly passwordless?: boolean },
    signal?: AbortSignal,
  ): Promise<Passkey>;
  readonly stepUp: StepUpCalls;
}

/** Proving again who one is, for what the server asks it for. */
export interface StepUpCalls {
  challenge(wish?: Wish): Promise<Challenge>;
  /** @throws ClientError `IDENTITY_CREDENTIALS`, `MFA_CODE_WRONG` */
  prove(proof: Proof): Promise<void>;
  passkey(signal?: AbortSignal): Promise<void>;
}

export function createAccount(core: Core): AccountCalls {
  return {
    me: async () => core.call<Me>('GET', core.path('me')),
    sessions: async () =>
      (await core.call<{ readonly items: readonly SessionInfo[] }>('GET', core.path('sessions'))).items,
    endSession: async (id) => {
      await core.call('DELETE', `${core.path('sessions')}/${encodeURIComponent(id)}`);
    },
    register: async (wish) => ((await core.open(core.path('register'), wish)).status === 202 ? 'accepted' : 'created'),
    forgotPassword: async (of) => {
      await core.open('/v1/password/forgot', of);
    },
    resetPassword: async (token, password) => {
      await core.open('/v1/password/reset', { token, password });
    },
    registerPasskey: async ({ label, passwordless } = {}, signal) => {
      const options = await core.call(
        'POST',
        '/v1/mfa/passkeys/options',
        passwordless === undefined ? {} : { passwordless },
        signal === undefined ? {} : { signal },
      );
      const response = await createCredential(options, signal);
      return core.call<Passkey>('POST', '/v1/mfa/passkeys', {
        response,
        ...(label === undefined ? {} : { label }),
      });
    },
    stepUp: createStepUp(core),
  };
}

function createStepUp(core: Core): StepUpCalls {
  async function prove(body: object): Promise<void> {
    const given = objectIn(await core.call('POST', '/v1/step-up', body));
    core.keep({ refresh_token: core.tokens.refresh(), ...given });
  }
  const challenge = async ({ method, factorId }: Wish = {}): Promise<Challenge> => {
    const wish = {
      ...(method === undefined ? {} : { method }),
      ...(factorId === undefined ? {} : { factor_id: factorId }),
    };
    return core.call<Challenge>('POST', '/v1/step-up/challenge', wish);
  };
  return {
    challenge,
    prove: ({ factorId, ...proof }) => prove({ ...proof, ...(factorId === undefined ? {} : { factor_id: factorId }) }),
    passkey: async (signal) => {
      const { passkey } = await challenge({ method: 'passkey' });
      await prove({ passkey: await getCredential(passkey, signal) });
    },
  };
}
