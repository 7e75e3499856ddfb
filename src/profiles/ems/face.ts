import { type Face, statusOf } from '../../http/index.ts';
import type { TwinkeepError } from '../../kernel/errors.ts';

/** The headers that the EMS agent promises, exactly (E16), and those that cost its clients nothing. */
const HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-xss-protection': '1; mode=block',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'self'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Refusals as the EMS agent's clients read them: one member, `detail`, or `error` where it is too many (E11). */
export const emsFace: Face = {
  profile: 'ems',
  headers: Object.entries(HEADERS).flat(),
  refusal: (fault) => {
    const status = statusOf(fault.kind);
    const headers = status === 401 && !isKeyFault(fault) ? { 'www-authenticate': 'Bearer' } : {};
    return { status, contentType: 'application/json', body: JSON.stringify(bodyOf(fault)), headers };
  },
};

const isKeyFault = ({ code }: TwinkeepError): boolean => code === 'APIKEY_INVALID';

function bodyOf(fault: TwinkeepError): object {
  const { code, kind, facts, message } = fault;
  // No old client knows these: whoever reads them must learn what to send, or where to go.
  if (SECOND_FACTOR.has(code)) return { ...facts, detail: message, code };
  switch (kind) {
    case 'unauthenticated':
      return { detail: isKeyFault(fault) ? 'Invalid API key' : 'Invalid authentication credentials' };
    case 'limited':
      return { error: 'Rate limit exceeded' };
    case 'forbidden':
      if (code === 'DETECTION_BLOCKED') return { detail: 'IP address blocked', ...facts };
      return code === 'DETECTION_REFUSED' ? { detail: message, ...facts } : { detail: REFUSED };
    case 'missing':
      return { detail: code === 'HTTP_NOT_FOUND' ? 'Not Found' : message };
    case 'method':
      return { detail: 'Method Not Allowed' };
    case 'unprocessable':
      return { detail: flawsOf(facts['errors']) ?? message };
    default:
      return { detail: message };
  }
}

/** A password that was right and is not enough; a wrong code is refused in the same words as a wrong password. */
const SECOND_FACTOR: ReadonlySet<string> = new Set(['MFA_REQUIRED', 'MFA_ENROLMENT_NEEDED']);
const REFUSED = 'Insufficient permissions';

/** Flaws in the form of the framework that the old clients were written against. */
function flawsOf(errors: unknown): readonly object[] | undefined {
  if (!Array.isArray(errors)) return undefined;
  return errors.map((flaw: unknown) => {
    const { at, reason } = Object(flaw);
    return { loc: String(at).split('/'), msg: String(reason), type: 'value_error' };
  });
}
