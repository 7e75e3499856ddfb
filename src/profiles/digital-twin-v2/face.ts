import { type Face, nativeFace, statusOf } from '../../http/index.ts';
import type { TwinkeepError } from '../../kernel/errors.ts';
import { flaskMessageOf } from '../digital-twin-v1/face.ts';

/**
 * Refusals as the second Digital Twin's clients read them: `msg` as flask-jwt-extended has it, and with what they never
 * met its code. A failed CSRF check, a malformed token and one of the wrong type are 422; missing, expired and all else that
 * is wrong with a token is 401 (B06, X07).
 */
export const digitalTwinV2Face: Face = {
  profile: 'digital-twin-v2',
  headers: nativeFace.headers,
  refusal: (fault) => {
    const status = isUnprocessable(fault) ? 422 : statusOf(fault.kind);
    const headers = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    return { status, contentType: 'application/json', body: JSON.stringify(bodyOf(fault)), headers };
  },
};

const isUnprocessable = ({ code, facts }: TwinkeepError): boolean =>
  code === 'SESSION_CSRF' || facts['malformed'] === true || facts['wrong_type'] === true;

function bodyOf(fault: TwinkeepError): object {
  const msg = messageOf(fault);
  return msg === undefined ? { ...fault.facts, msg: fault.message, code: fault.code } : { msg };
}

function messageOf(fault: TwinkeepError): string | undefined {
  const { code, facts } = fault;
  switch (code) {
    case 'SESSION_CSRF':
      return 'CSRF double submit tokens do not match';
    case 'SESSION_UNKNOWN':
      if (facts['missing'] === true) return 'Missing cookie "refresh_token_cookie"';
      return facts['wrong_type'] === true ? 'Only refresh tokens are allowed' : 'Token has been revoked';
    case 'SESSION_DEVICE':
      return 'Token has been revoked'; // to a thief nothing tells that another device would do
    default:
      return facts['malformed'] === true ? 'Not enough segments' : flaskMessageOf(fault);
  }
}
