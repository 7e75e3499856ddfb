import type { RequestId } from '../kernel/brand.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import { SECURITY_HEADERS } from './headers.ts';
import { problemOf } from './problem.ts';

/** The body of a refusal, and the headers that go with it. */
export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How a profile speaks: the headers of each of its answers, and the shape of its refusals. */
export interface Face {
  readonly profile: string;
  /** Names, in lower case, and values in turn. */
  readonly headers: readonly string[];
  refusal(fault: TwinkeepError, requestId: RequestId): Refusal;
}

/** Problem documents (RFC 9457) and the strictest headers. */
export const nativeFace: Face = {
  profile: 'twinkeep',
  headers: Object.entries(SECURITY_HEADERS).flat(),
  refusal: (fault, requestId) => {
    const problem = problemOf(fault, requestId);
    const headers = problem.status === 401 ? { 'www-authenticate': challengeOf(fault) } : {};
    return {
      status: problem.status,
      contentType: 'application/problem+json',
      body: JSON.stringify(problem),
      headers,
    };
  },
};

/** @see RFC 6750 §3, RFC 9470 §3 */
function challengeOf({ code, facts }: TwinkeepError): string {
  if (code === 'ACCESS_PROOF_TOO_OLD') {
    return `Bearer error="insufficient_user_authentication", max_age="${facts['max_age_s']}"`;
  }
  if (code === 'ACCESS_SECOND_FACTOR') {
    const { acr_values: acr, max_age_s: age } = facts;
    return `Bearer error="insufficient_user_authentication", acr_values="${acr}", max_age="${age}"`;
  }
  // A wrong password or API key is no token at all.
  return code.startsWith('SESSION_') ? 'Bearer error="invalid_token"' : 'Bearer';
}
