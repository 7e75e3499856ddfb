import type { PersonPrincipal } from '../../kernel/principal.ts';
import { sessionFault, type Tokens } from '../../sessions/index.ts';
import type { Extras, ProfileDeps } from '../extras.ts';
import { digitalTwinV2Face } from './face.ts';

/**
 * The second Digital Twin's own part of its profile: the words and statuses of flask-jwt-extended, the `csrf` claim that
 * back ends compare with `X-CSRF-TOKEN` by themselves, and the access token in the body beside its cookie (B02, B03, X06).
 */
export function openDigitalTwinV2({ csrf }: Pick<ProfileDeps, 'csrf'>): Extras {
  return {
    face: digitalTwinV2Face,
    claims: async ({ sessionId }: PersonPrincipal) => ({ csrf: await csrf.of(sessionId) }),
    tokens: refusingMalformed,
    // What is no refresh token at all is told apart from one that has ended (X07): an access token, say.
    assertRefreshToken: (text) => {
      if (!REFRESH_TOKEN.test(text)) throw sessionFault('SESSION_UNKNOWN', { wrong_type: true });
    },
    replyOf: ({ grant, csrf: csrfToken }) => ({
      access_token: grant.accessToken,
      token_type: 'bearer',
      expires_in: grant.expiresInS,
      ...(csrfToken === undefined ? {} : { csrf_token: csrfToken }),
    }),
  };
}

const REFRESH_TOKEN = /^tkr_[A-Za-z0-9_-]{43}$/;

/** Its clients are told apart what is no token and what is one that is not good (X07). Both are refused and counted. */
function refusingMalformed(own: Tokens): Tokens {
  return {
    ...own,
    verify: (token) => {
      if (!isToken(token)) throw sessionFault('SESSION_TOKEN_INVALID', { malformed: true });
      return own.verify(token);
    },
  };
}

const MAX_TOKEN_LENGTH = 4_096;

function isToken(text: string): boolean {
  const [header = '', payload = '', signature = '', ...more] = text.split('.', 4);
  if (text.length > MAX_TOKEN_LENGTH || signature === '' || more.length > 0) return false;
  return isObject(header) && isObject(payload);
}

function isObject(part: string): boolean {
  try {
    const read: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof read === 'object' && read !== null;
  } catch {
    return false;
  }
}
