import { type Face, nativeFace, statusOf } from '../../http/index.ts';
import type { TwinkeepError } from '../../kernel/errors.ts';

/**
 * Refusals as the first Digital Twin's clients read them: one member, `msg`, as flask-jwt-extended has it. Whatever is
 * wrong with a token is 401 (A05); that library's 422 for malformed ones is the second system's.
 *
 * @see https://flask-jwt-extended.readthedocs.io/en/stable/api.html, "Configuring Flask-JWT-Extended"
 */
export const digitalTwinV1Face: Face = {
  profile: 'digital-twin-v1',
  headers: nativeFace.headers,
  refusal: (fault) => {
    const status = statusOf(fault.kind);
    const headers = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    return { status, contentType: 'application/json', body: JSON.stringify(bodyOf(fault)), headers };
  },
};

/** What its clients compare with stands alone; what they never met says its code too, so that new ones can act on it. */
function bodyOf(fault: TwinkeepError): object {
  const msg = flaskMessageOf(fault);
  return msg === undefined ? { ...fault.facts, msg: fault.message, code: fault.code } : { msg };
}

const HEADER = "Expected 'Authorization: Bearer <JWT>'";

/** The words of flask-jwt-extended for what is wrong with a token; `undefined` for all else. */
export function flaskMessageOf({ code, facts }: TwinkeepError): string | undefined {
  switch (code) {
    case 'ACCESS_UNAUTHENTICATED':
      return facts['scheme'] === undefined
        ? 'Missing Authorization Header'
        : `Missing 'Bearer' type in 'Authorization' header. ${HEADER}`;
    case 'SESSION_EXPIRED':
      return 'Token has expired';
    case 'SESSION_REVOKED':
      return 'Token has been revoked';
    case 'SESSION_TOKEN_INVALID':
      return 'Signature verification failed'; // nothing more: the rest of the reasons would help to forge one
    case 'IDENTITY_CREDENTIALS':
      return 'Bad username or password';
    default:
      return undefined;
  }
}
